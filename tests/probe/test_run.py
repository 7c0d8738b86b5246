"""A run: many hosts, faults of ours, both versions of IP."""

import contextlib
import socket
import threading

import pytest
from tests.enforce.lab import World, isolated
from tests.probe.lab import INDEX, JUDGE, Server, asked, recorded, replay, spoken

from backchannel.catalogue.load import load
from backchannel.errors import UsageError
from backchannel.probe import port
from backchannel.probe.pace import Limits
from backchannel.probe.plan import Work, work
from backchannel.probe.port import Wishes
from backchannel.probe.ports import Port
from backchannel.probe.result import State
from backchannel.probe.targets import Chosen
from backchannel.probe.untold import untold

OSCAR = recorded("aim/aim_md5login_8im.pcap", 5190)[1]
GREETS = replay(OSCAR, True)
NO_WORK = Work((), Chosen(()))


def test_a_fault_of_ours_costs_one_port(monkeypatch):
    judge = port.PortProbe._beside

    def faulty(self, protocol):
        if self._result.port.number == other.port:
            raise ZeroDivisionError("made up")
        return judge(self, protocol)

    monkeypatch.setattr(port.PortProbe, "_beside", faulty)
    with Server(GREETS) as one, Server(GREETS, host=one.host) as other:
        prober = asked(one.host, one.port, other.port)
    first, second = prober.hosts[0].results
    assert first.state is State.OPEN
    assert first.remark == ""
    assert "a fault of ours: ZeroDivisionError" in second.remark
    assert prober.counters["faults"] == 1
    assert len(prober.exchanges) >= 2  # what was said is kept


def test_a_port_whose_answer_we_could_not_judge_was_asked(monkeypatch):
    def faulty(*_, **__):
        raise ZeroDivisionError("made up")

    monkeypatch.setattr(JUDGE, "judge", faulty)
    with Server(GREETS) as server:
        prober = asked(server.host, server.port)
    assert prober.hosts[0].results[0].state is not State.UNASKED
    told = list(untold(prober, NO_WORK, Wishes(), INDEX))
    assert [each for each in told if "fault" in each or "reached" in each] == [
        "1 port ended by a fault of ours, which their remarks name."
    ]


@isolated
def test_why_a_port_could_not_be_reached_is_told():
    prober = asked("10.0.0.1", 1000, Port("udp", 500))
    told = list(untold(prober, NO_WORK, Wishes(), INDEX))
    assert "2 ports could not be reached: Network is unreachable." in told


def test_version_6(monkeypatch):
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:

        def serve():
            link, _ = server.accept()
            with link, contextlib.suppress(OSError):
                GREETS(link)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        number = server.getsockname()[1]
        prober = asked("::1", number, Port("udp", 9))
        thread.join(5)
    assert spoken(prober) == {("oscar", False)}
    assert [each.state for each in prober.hosts[0].results] == [State.OPEN, State.CLOSED]
    assert prober.hosts[0].results[0].talked[0].exchange.client.address == "::1"


@isolated
def test_a_host_without_a_way_is_let_alone():
    """In a network without interfaces there is none, and the system says so at once."""
    prober = asked("10.0.0.1", *range(1000, 1020))
    (host,) = prober.hosts
    assert not host.alive
    assert sum(bool(each.talked) for each in host.results) < 10


@isolated
def test_an_address_that_no_machine_has_is_noticed():
    """The kernel asks for it three times, for three seconds; after some ports no more is asked."""
    world = World()
    with world.client.inside():
        prober = asked("10.1.0.77", *range(1000, 1020), limits=Limits(rate=1000, host_rate=100))
    (host,) = prober.hosts
    assert not host.alive
    assert "away" in host.remarks[0]
    states = [each.state for each in host.results if each.talked]
    assert set(states) == {State.UNREACHED}
    assert len(states) <= 8


def test_too_many_ports_are_refused_before_anything_is_made():
    services = load()
    with pytest.raises(UsageError, match="ports in all; ask at most 250,000"):
        work(
            ["192.168.0.0/24"],
            excluded=(),
            authorised=None,
            ports="1-65535",
            services=(),
            catalogue=services,
            suggestions=None,
        )
