"""The process that sends resets and ICMP for a watch: requests of fixed shape in, packets out.

usage: python -m backchannel.enforce.sender    with orders on standard input, which ends it too

    order     one Orders, framed (`live.framing`); a later one takes its place
    figures   on standard output, once a second where they changed: a line of JSON, name -> count

It is the only one that can put packets on a wire, and the only thing it can say with them is that a
connection is refused. It holds each request against the never-block list and the management
connections once more, and sends no more than so many packets a second, so that whoever takes over
a parser can neither cut these off nor flood a network. It gives up every right before the first
request is read.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import time
from collections import Counter
from functools import partial
from ipaddress import ip_address
from typing import Literal

import msgspec

from backchannel import confine
from backchannel.enforce import inject, manners, outlets, packing, requests
from backchannel.enforce.connections import End
from backchannel.enforce.law import Ends, Law
from backchannel.enforce.requests import Probe, Request, Unreachable
from backchannel.live import framing
from backchannel.policy.model import Rules

TURN = 64
"""Requests that are dealt with before orders are looked for."""
SECOND = 1.0
UNSENT = "packets not sent: "
"""What counters of packets that did not leave begin with; why not follows."""
_CARRIERS = {socket.IPPROTO_UDP: "udp", socket.IPPROTO_ESP: "esp", socket.IPPROTO_AH: "ah"}
Kind = Literal["port", "forbidden"]


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What the watch says."""

    rules: Rules
    """Who is spared; lines are of no matter here."""
    rate: int
    """Packets a second, in all."""
    unreachable: Kind = "port"
    """What senders of datagrams are told."""
    opened: outlets.Opened = outlets.Opened()
    """Sockets to send by; only in the first orders."""
    inbox: int = -1
    """Descriptor that requests come by; only in the first orders."""


class Budget:
    """So many a second, and as many at once."""

    def __init__(self, rate: int) -> None:
        self._rate = float(rate)
        self._left, self._at = self._rate, time.monotonic()

    def take(self) -> bool:
        """Say whether there is one left, and take it."""
        now = time.monotonic()
        self._left = min(self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Sender:
    """Turns requests into packets."""

    def __init__(self, orders: Orders, outlet: outlets.Outlet) -> None:
        self._outlet = outlet
        self.counters: Counter[str] = Counter()
        self._law, self._orders = Law(orders.rules, {}), orders
        self._budget = Budget(orders.rate)

    def use(self, orders: Orders) -> None:
        """Go on under other orders."""
        self._law, self._orders = Law(orders.rules, {}), orders
        self._budget = Budget(orders.rate)

    def serve(self, data: bytes) -> None:
        """Deal with one request, whatever its bytes are."""
        try:
            request = requests.decode(data)
            packets = self._packets(request)
        except ValueError:
            self.counters["requests refused: no request"] += 1
            return
        for what, packet in packets:
            if not self._budget.take():
                self.counters[f"{UNSENT}more than the rate"] += 1
            elif why := self._outlet.send(packet, request.wire):
                self.counters[f"{UNSENT}{why}"] += 1
            else:
                self.counters[f"{what} sent"] += 1

    def _packets(self, request: Request) -> list[tuple[str, bytes]]:
        """Return what to send, each with its name; nothing where somebody is spared."""
        if isinstance(request, Unreachable):
            return self._unreachable(request)
        source, target = request.source, request.target
        ports = request.source_port, request.target_port
        if self._spares("tcp", (source, ports[0]), (target, ports[1])):
            return []
        if isinstance(request, Probe):
            made = inject.probe(source, target, *ports, request.number, request.ack)
            return [("TCP probes", made)]
        return [
            (
                "TCP resets",
                inject.reset(source, target, *ports, number, request.ack),
            )
            for number in request.numbers
        ]

    def _unreachable(self, request: Unreachable) -> list[tuple[str, bytes]]:
        segment = inject.Segment(request.quoted)
        if segment.protocol == socket.IPPROTO_TCP:
            raise ValueError("TCP is reset")
        if why := manners.silence(segment):
            self.counters[f"requests refused: {why}"] += 1
            return []
        carrier, ports = _CARRIERS.get(segment.protocol, ""), segment.ports
        if self._spares(carrier, (segment.source, ports[0]), (segment.target, ports[1])):
            return []
        forbidden = self._orders.unreachable == "forbidden" or carrier != "udp"
        return [("ICMP messages", inject.unreachable(segment, forbidden=forbidden))]

    def _spares(self, carrier: str, one: End, other: End) -> bool:
        """Say whether a connection must never be cut, whoever opened it; count it then."""
        here, there = str(ip_address(one[0])), str(ip_address(other[0]))
        law = self._law
        found = (
            law.spared(Ends(here, there))
            or law.lifeline(Ends(here, there), carrier, other[1])
            or law.lifeline(Ends(there, here), carrier, one[1])
        )
        if found:
            self.counters["requests refused: never to be blocked"] += 1
        return found


def main() -> int:
    """Serve requests until standard input ends."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):  # the watch decides
        signal.signal(number, signal.SIG_IGN)
    inbox = framing.Inbox(packing.decoder(Orders))
    try:
        orders: Orders = framing.first(partial(os.read, 0), inbox)
    except EOFError:
        return 0
    sender = Sender(orders, outlets.outlet(orders.opened))
    asked = socket.socket(fileno=orders.inbox)
    asked.setblocking(False)
    confine.confine()
    for later in inbox.feed(b""):
        sender.use(later)
    _serve(sender, asked, inbox)
    _tell(sender.counters)
    return 0


def _serve(sender: Sender, asked: socket.socket, inbox: framing.Inbox) -> None:
    """Deal with what is asked, under the latest orders, and tell figures now and then."""
    told: Counter[str] = Counter()
    last, going = time.monotonic(), True
    while going:
        ready, _, _ = select.select([0, asked.fileno()], [], [], SECOND)
        if 0 in ready:
            going = bool(data := os.read(0, framing.READ))
            for orders in inbox.feed(data):
                sender.use(orders)
        for _ in range(TURN):
            try:
                sender.serve(asked.recv(requests.LARGEST))
            except BlockingIOError:
                break
        now = time.monotonic()
        if sender.counters != told and now - last >= SECOND:
            last, told = now, sender.counters.copy()
            _tell(told)


def _tell(counters: Counter[str]) -> None:
    with contextlib.suppress(BrokenPipeError):  # the watch is gone, which the next read says
        os.write(1, msgspec.json.encode(dict(counters)) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
