"""The recorder on sockets of this very process."""

import os
import signal
import socket
import time
from collections import Counter
from pathlib import Path

import pytest

from backchannel.host import diag, ledger
from backchannel.host.recorder import Recorder
from backchannel.model import Endpoint


class Recording:
    """A recorder whose lines are kept."""

    def __init__(self):
        self.lines = []
        self.recorder = Recorder(self.lines.extend, 0.05)

    def until(self, test):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            self.recorder.step(0.01)
            if found := [line for line in self.lines if test(line)]:
                return found
        raise AssertionError("it did not come in time")


@pytest.fixture
def recording():
    made = Recording()
    yield made
    made.recorder.close()


def port_of(opened):
    return opened.getsockname()[1]


def test_both_ends_of_a_connection_and_their_end(recording):
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        other, _ = server.accept()
        port = port_of(client)

        def held(line):
            return isinstance(line, ledger.Held) and port in (line.local_port, line.remote_port)

        recording.until(lambda line: held(line) and line.local_port == port)
        recording.until(lambda line: held(line) and line.remote_port == port)
        ours = [line for line in recording.lines if held(line)]
        assert len({line.community_id for line in ours}) == 1
        numbers = {number for line in ours for number in line.programs}
        (told,) = recording.until(
            lambda line: isinstance(line, ledger.Program) and line.program in numbers
        )
        assert (told.pid, told.uid, len(told.sha256)) == (os.getpid(), os.getuid(), 64)
        client.close()
        other.close()
        wanted = {line.socket for line in ours}
        recording.until(
            lambda _: (
                wanted
                <= {line.socket for line in recording.lines if isinstance(line, ledger.Ended)}
            )
        )


def test_a_udp_socket_that_gets_a_partner_is_another_row(recording):
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        port = port_of(udp)

        def rows(line):
            return isinstance(line, ledger.Held) and line.local_port == port

        (first,) = recording.until(rows)
        assert (first.remote, first.community_id, first.transport) == ("", "", "udp")
        udp.connect(("127.0.0.1", 9))
        recording.until(lambda line: rows(line) and line.remote_port == 9)
        ended = [line.socket for line in recording.lines if isinstance(line, ledger.Ended)]
        assert first.socket in ended


def test_a_socket_that_nobody_saw_is_missed_and_counted(recording):
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        port = port_of(client)
        client.close()  # before the recorder has had a step
        recording.until(lambda line: isinstance(line, ledger.Missed) and line.local_port == port)
        assert recording.recorder.counts["missed"] >= 1


def test_it_ends_when_told_and_describes_everybody(recording):
    """Also where it is told in the middle of its work."""
    before = signal.signal(signal.SIGALRM, lambda *_: recording.recorder.stop())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        recording.recorder.run(time.monotonic() + 60)
    finally:
        signal.signal(signal.SIGALRM, before)
    recording.recorder.close()
    described = {line.program for line in recording.lines if isinstance(line, ledger.Program)}
    named = [line.programs for line in recording.lines if isinstance(line, ledger.Held)]
    assert {number for numbers in named for number in numbers} == described
    recording.recorder = Recorder(lambda _: None, here=True)


def test_no_other_network_is_recorded_where_that_is_asked_for():
    lines = []
    Recorder(lines.extend, here=True).close()
    ours = str(Path("/proc/self/ns/net").readlink())
    assert {line.network for line in lines if isinstance(line, ledger.Network)} == {ours}


def test_the_record_is_whole(recording):
    recording.until(lambda line: isinstance(line, ledger.Network))
    lines = recording.lines
    recording.recorder.close()
    assert isinstance(lines[0], ledger.Began)
    assert isinstance(lines[-1], ledger.Finished)
    described = {line.program for line in lines if isinstance(line, ledger.Program)}
    named = {number for line in lines if isinstance(line, ledger.Held) for number in line.programs}
    assert named <= described
    recording.recorder = Recorder(lambda _: None, here=True)


def test_the_kernels_list_is_that_of_its_tables():
    """Two ways to ask give the same sockets."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        inode = os.fstat(server.fileno()).st_ino
        asked = diag.Diag()
        told = [diag.read(each, 6) for each in asked.sockets(6)]
        asked.close()
        (found,) = (each for each in told if each.inode == inode)
        assert found.local == Endpoint("::1", port_of(server))
        assert (found.state, found.remote, found.uid) == ("listening", None, os.getuid())
        assert Counter(each.inode for each in told if each.inode)[inode] == 1
