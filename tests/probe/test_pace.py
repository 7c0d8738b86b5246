"""How fast is asked: never faster than was said, in all and to one host."""

import asyncio
import dataclasses
import selectors
import time
from contextlib import ExitStack
from itertools import pairwise

import pytest
from tests.probe.lab import QUICK, Server, asked, datagrams

from backchannel.probe import port
from backchannel.probe.pace import Pace
from backchannel.probe.ports import Expected, Port
from backchannel.probe.sockets import ask


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time goes on when it would wait, and only then."""

    def __init__(self):
        self.now = 0.0
        super().__init__(Waiting(self))

    def time(self):
        return self.now


class Waiting(selectors.SelectSelector):
    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def select(self, timeout=None):
        self._clock.now += timeout or 0
        return super().select(0)


@pytest.mark.parametrize(("rate", "host_rate", "hosts"), [(200, 1000, 25), (1000, 50, 2)])
def test_no_turn_comes_early(rate, host_rate, hosts):
    async def take():
        pace, times = Pace(rate, host_rate), []

        async def one(number):
            await pace.turn(f"host {number % hosts}")
            times.append((asyncio.get_running_loop().time(), number % hosts))

        await asyncio.gather(*(one(number) for number in range(50)))
        return times

    with asyncio.Runner(loop_factory=Clock) as runner:
        times = runner.run(take())
    moments = sorted(at for at, _ in times)
    assert min(b - a for a, b in pairwise(moments)) >= 1 / rate - 1e-6
    for host in range(hosts):
        theirs = sorted(at for at, whose in times if whose == host)
        assert min(b - a for a, b in pairwise(theirs)) >= 1 / host_rate - 1e-6
    assert moments[-1] < 50 / min(rate, hosts * host_rate) + 0.1  # and none comes late


def test_hellos_and_connections_keep_the_pace():
    """Each hello is a connection of its own, and waits for its turn as the first one does."""
    with Server(lambda link: link.recv(10)) as server:
        began = time.monotonic()
        asked(server.host, server.port, limits=dataclasses.replace(QUICK, host_rate=20))
        took = time.monotonic() - began
    assert server.connections > 15
    assert took >= (server.connections - 1) / 20


def test_a_datagram_that_is_sent_again_waits_too():
    times = []

    def answer(data):
        times.append(time.monotonic())
        return b""

    with datagrams(answer) as place:
        host, number = place.getsockname()
        limits = dataclasses.replace(QUICK, host_rate=4, answer=0.1)
        prober = asked(host, Port("udp", number), limits=limits, expected=Expected((), ("stun",)))
    assert [each.exchange.hello for each in prober.hosts[0].results[0].talked] == ["stun"]
    first, second = times
    assert second - first >= 0.24
    assert prober.counters["datagrams"] == 2


def test_what_is_said_to_a_datagram_waits_too():
    """Here the other group that a gateway asks for (RFC 7296 §1.2)."""
    times = []

    def answer(data):
        times.append(time.monotonic())
        return data[:8] + b"8" * 8 + bytes.fromhex("2920222000000000000000260000000a000000110013")

    with datagrams(answer) as place:
        host, number = place.getsockname()
        limits = dataclasses.replace(QUICK, host_rate=4, answer=0.1)
        asked(host, Port("udp", number), limits=limits, expected=Expected((), ("ike",)))
    assert len(times) > 3
    assert min(b - a for a, b in pairwise(times)) >= 0.2


def test_connections_to_one_host_are_few_at_a_time(monkeypatch):
    """Counted at our end: a server learns late that one is over."""
    most, now = 0, 0

    async def counted(*words, **named):
        nonlocal most, now
        now += 1
        most = max(most, now)
        told = await ask(*words, **named)
        now -= 1
        return told

    monkeypatch.setattr(port, "ask", counted)
    greet = lambda link: link.sendall(b"hello\n") or link.recv(10)  # noqa: E731
    with ExitStack() as stack:
        first = stack.enter_context(Server(greet))
        others = [stack.enter_context(Server(greet, host=first.host)) for _ in range(9)]
        asked(first.host, *[each.port for each in (first, *others)], limits=QUICK)
    assert 1 < most <= QUICK.at_once
