"""The recorder on sockets of this very process."""

import os
import resource
import signal
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from backchannel.host import diag, ledger, lines, networks
from backchannel.host.recorder import Recorder
from backchannel.model import Endpoint


class Recording:
    """A recorder whose lines are kept."""

    def __init__(self):
        self.lines = []
        self.recorder = Recorder(self.lines.extend, 0.05)

    def until(self, test):
        """Return the lines that pass the test, when there are some. Each is tested once: whatever
        else this machine does is recorded, too.
        """
        end, seen, found = time.monotonic() + 60, 0, []
        while not found and time.monotonic() < end:
            self.recorder.step(0.01)
            found += filter(test, self.lines[seen:])
            seen = len(self.lines)
        assert found, "it did not come in time"
        return found


@pytest.fixture
def recording():
    made = Recording()
    yield made
    made.recorder._describer.hurry()  # whoever else has sockets here
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
        for number in {line.socket for line in ours}:
            recording.until(
                lambda line, number=number: isinstance(line, ledger.Ended) and line.socket == number
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


def test_words_of_ends_are_taken_in_parts():
    """Others can end sockets faster than anybody writes it down."""
    ends = diag.Ends()
    try:
        for _ in range(diag.AT_ONCE + 200):
            with socket.socket(type=socket.SOCK_DGRAM) as udp:
                udp.bind(("127.0.0.1", 0))
        assert 0 < len(list(ends.read())) <= diag.AT_ONCE
        assert list(ends.read())
    finally:
        ends.close()


def test_many_addresses_are_told_in_several_lines():
    many = [f"10.0.{number >> 8}.{number & 255}" for number in range(2500)]
    told = list(lines.addressed("net:[1]", many, "t"))
    assert [len(each.addresses) for each in told] == [1000, 1000, 500]
    assert {address for each in told for address in each.addresses} == set(many)
    assert [each.addresses for each in lines.addressed("net:[1]", (), "t")] == [()]


def test_few_descriptors_are_made_more():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1024:
        pytest.skip("nor may there be more")
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        Recorder(lambda _: None, here=True).close()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 1024
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def apart():
    """A process in a network of its own."""
    script = "ip link set lo up && ip addr add 198.51.100.7/32 dev lo && echo ready && read line"
    process = subprocess.Popen(
        ["unshare", "-Urn", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    if process.stdout.readline() != b"ready\n":
        pytest.skip("no namespaces of one's own here")
    yield process.pid
    process.communicate()


def test_addresses_are_those_that_the_network_has(apart):
    if os.geteuid():
        pytest.skip("root alone may enter")
    assert networks.addresses(apart) == {"127.0.0.1", "198.51.100.7", "::1"}
    assert "127.0.0.1" in networks.addresses(os.getpid())
    assert "198.51.100.7" not in networks.addresses(os.getpid())
    assert networks.addresses(2**22 + 1) == frozenset()


def test_one_user_cannot_take_the_room_of_others(apart, monkeypatch):
    if os.geteuid():
        pytest.skip("root alone may enter")
    name = str(Path(f"/proc/{apart}/ns/net").readlink())
    for user, watched in ((0, True), (1000, False)):
        monkeypatch.setattr(networks, "owner", lambda _, user=user: user)
        monkeypatch.setattr("backchannel.host.recorder.OF_ONE", 0)
        told = []
        recorder = Recorder(told.extend)
        recorder._describer.hurry()
        recorder.close()
        assert any(isinstance(line, ledger.Network) and line.network == name for line in told) == (
            watched
        )
        refused = told[-1].unseen.get("networks that could not be entered", 0)
        assert (refused > 0) != watched


def test_the_user_whose_a_network_is(apart):
    assert networks.owner(apart) == os.getuid()
