"""Hosts that are away, firewalls that reject, and descriptors that are few."""

import asyncio
import dataclasses

import pytest
from tests.enforce.lab import SERVER, World, isolated
from tests.probe.lab import JUDGE, NOTHING, QUICK, Server, asked

from backchannel.probe import run
from backchannel.probe.named import Target
from backchannel.probe.port import Wishes
from backchannel.probe.ports import Port
from backchannel.probe.result import State
from backchannel.probe.run import AWAY, Prober
from backchannel.probe.sockets import _repetitions

LIMITS = dataclasses.replace(QUICK, patience=3.5, at_once=1, answer=0.1)
PORTS = dict.fromkeys((Port("tcp", each) for each in range(1, 7)), NOTHING)
REJECT = """
table inet wall {{
  chain input {{
    type filter hook input priority 0;
    meta l4proto {{ tcp, udp }} th dport != 5222 reject with icmpx type {why}
  }}
}}
"""


@pytest.mark.parametrize(
    ("version", "why"), [(4, "admin-prohibited"), (4, "host-unreachable"), (6, "admin-prohibited")]
)
@isolated
def test_a_host_whose_firewall_rejects_is_not_away(version, why):
    """As those of many distributions do. What it lets in is asked, however late it comes."""
    world = World()
    world.server.sh(f"nft -f - <<'END'{REJECT.format(why=why)}END")
    with world.server.inside():
        server = Server(lambda link: link.sendall(b"220 hello\n"), SERVER[version], 5222)
    with world.client.inside():
        prober = asked(SERVER[version], *range(5222 - 2 * AWAY, 5223), limits=LIMITS)
    (host,) = prober.hosts
    server.__exit__()
    assert host.remarks == []
    states = [each.state for each in host.results]
    assert states[-1] is State.OTHER
    assert states.count(State.UNREACHED) >= AWAY


@isolated
def test_a_limit_of_connections_hides_no_port():
    """What few ports are silent at a host that answers is asked once more; where all are, none."""
    world = World()
    world.server.sh(
        "nft add table inet wall",
        "nft add chain inet wall in '{ type filter hook input priority 0; }'",
        "nft add rule inet wall in tcp dport 1001 limit rate 1/hour burst 1 packets drop",
        "nft add rule inet wall in tcp dport 1002 drop",
    )
    limits = dataclasses.replace(LIMITS, patience=0.5)
    with world.client.inside():
        prober = asked(SERVER[4], *range(1001, 1009), limits=limits)
        (host,) = prober.hosts
        (other,) = asked(SERVER[4], 1002, 1003, limits=limits).hosts
    assert [each.state for each in host.results] == [
        *(State.CLOSED, State.SILENT),
        *([State.CLOSED] * 6),
    ]
    assert [len(each.talked) for each in host.results] == [2, 2, 1, 1, 1, 1, 1, 1]
    assert prober.counters["connections"] == 10
    assert [len(each.talked) for each in other.results] == [1, 1]


@isolated
def test_a_host_that_rejects_datagrams_is_not_away_and_answered():
    world = World()
    wall = REJECT.format(why="host-unreachable")
    world.server.sh(f"sysctl -qw net.ipv4.icmp_ratelimit=0; nft -f - <<'END'{wall}END")
    ports = [Port("udp", each) for each in range(4000, 4008)]
    with world.client.inside():
        prober = asked(SERVER[4], *ports, limits=LIMITS)
    (host,) = prober.hosts
    assert [each.state for each in host.results] == [State.UNREACHED] * len(ports)
    assert host.alive
    assert host.remarks == []


@isolated
def test_a_router_that_rejects_is_no_sign_of_the_host():
    world = World()
    world.router.sh(
        "nft add table ip wall",
        "nft add chain ip wall f '{ type filter hook forward priority 0; }'",
        "nft add rule ip wall f ip daddr 10.2.0.2 reject with icmp type admin-prohibited",
    )
    with world.client.inside():
        prober = asked(SERVER[4], 80, Port("udp", 4000), limits=LIMITS)
    (host,) = prober.hosts
    assert {each.state for each in host.results} == {State.UNREACHED}
    assert not host.alive
    assert host.remarks == []


@pytest.mark.parametrize("address", ["10.1.0.77", "10.2.0.77"])
@isolated
def test_a_host_that_is_not_there_costs_few_ports(address):
    """Beside us, and behind a router."""
    world = World()
    with world.client.inside():
        prober = asked(address, *range(80, 100), limits=dataclasses.replace(LIMITS, at_once=4))
    (host,) = prober.hosts
    assert "away" in host.remarks[0]
    assert sum(each.state is not State.UNASKED for each in host.results) <= 8


@pytest.mark.parametrize(("patience", "times"), [(0.1, 1), (3, 1), (3.5, 2), (7.5, 3), (30, 4)])
def test_the_kernel_is_as_patient_as_we_are(patience, times):
    assert _repetitions(patience) == times


@pytest.mark.parametrize(("files", "hosts"), [(64, 4), (32, 1), (0, 1), (1024, 124)])
def test_few_descriptors_make_a_run_slower_and_lose_nothing(monkeypatch, files, hosts):
    monkeypatch.setattr(run.resource, "getrlimit", lambda _: (files, files))
    assert run._room(4) == hosts


def test_of_whom_nothing_was_asked_nothing_is_said():
    """As where no hello is allowed, or a run is interrupted while a port waits for its turn."""
    irc = Prober(JUDGE, QUICK, Wishes(only=frozenset({"irc"})))
    asyncio.run(irc.run([(Target("127.77.255.2"), {Port("udp", 500): NOTHING})]))
    assert irc.hosts[0].results[0].state is State.UNASKED

    async def broken_off():
        slow = Prober(JUDGE, dataclasses.replace(QUICK, host_rate=0.5), Wishes())
        task = asyncio.create_task(slow.run([(Target("127.77.255.3"), PORTS)]))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return [each.state for each in slow.hosts[0].results]

    assert asyncio.run(broken_off()) == [State.CLOSED, *[State.UNASKED] * 5]
