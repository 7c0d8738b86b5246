"""Refused connections that still send packets: what is seen of them, and what is asked for in turn.

A reset can come too late, because bytes that were on the way have moved what its receiver waits
for. So a refused connection is followed: each time packets of it are seen, its ends are told again,
with newer numbers, after 0.02, 0.04, 0.08 ... seconds at the soonest, and so many times at most.
"""

import socket
import time
from collections.abc import Callable

from backchannel.capture.records import Chunk
from backchannel.enforce import manners, requests
from backchannel.enforce.connections import end_of
from backchannel.enforce.frames import Framed, framed
from backchannel.enforce.inject import Segment
from backchannel.enforce.pursuit import Pursuit
from backchannel.enforce.requests import Probe, Request, Reset, Unreachable, Wire
from backchannel.flows.row import FlowRow
from backchannel.live.pick import Picker

MOST = 256
"""Connections followed at a time (as many as a Picker takes)."""
PAUSE = 0.01
"""Seconds before the second attempt; each further pause is twice as long."""
SILENT, PROBES = 0.3, 2
"""Seconds of silence after which the ends of a connection on which bytes went on are asked what
they wait for, again after twice as long; and how often.
"""
QUIET = 60.0
"""Seconds after which a connection of which nothing is seen is followed no longer."""
RECORD = 16
"""Bytes of a pcap record's header."""


class Refused:
    """One refused connection."""

    def __init__(self, row: FlowRow, pursuit: Pursuit | None) -> None:
        self.row, self.pursuit = row, pursuit
        self.ends = end_of(row.client), end_of(row.server)
        self.wires = [Wire(), Wire()]
        """Where each side is told."""
        self.datagrams: list[Framed | None] = [None, None]
        """The newest of each side, for what is no TCP."""
        self.attempts = self.probes = 0
        self.due = pursuit is not None
        self.next = self.seen = time.monotonic()

    def asks(self, now: float) -> bool:
        """Whether it is time to ask its ends what they wait for."""
        pursuit = self.pursuit
        if pursuit is None or not pursuit.flowed or self.probes == PROBES:
            return False
        return now - self.seen > SILENT * (1 << self.probes)

    def take(self, link: int, frame: bytes, now: float) -> None:
        """See one of its packets."""
        packet = framed(link, frame)
        if packet is None or packet.vlans != self.row.vlans:
            return
        try:
            segment = Segment(packet.packet)
        except ValueError:
            return
        if segment.protocol != self.row.protocol:
            return
        opens = (segment.source, *segment.ports) == (*self.ends[0], self.ends[1][1])
        side = 0 if opens else 1
        if packet.target and not packet.target[0] & 1:
            self.wires[1 - side] = Wire(packet.tags, packet.target)
        self.wires[side] = Wire(packet.tags, packet.source)
        if self.pursuit is None:
            self.datagrams[side] = packet
        elif not self.pursuit.see(side, segment, packet.missing):
            return
        self.due, self.seen = True, now


class Chase:
    """All refused connections that are followed."""

    def __init__(
        self, outbox: socket.socket, count: Callable[[str], object], attempts: int
    ) -> None:
        """*attempts*: times that the ends of one connection are told."""
        self._outbox, self._count, self.attempts = outbox, count, attempts
        self._refused: dict[tuple[object, ...], Refused] = {}
        self._numbers: list[Refused] = []
        self._picker: Picker | None = None

    def begin(self, row: FlowRow, pursuit: Pursuit | None) -> None:
        """Tell the ends of a refused connection, from the end of this chunk on."""
        key = row.protocol, row.client, row.server, row.vlans
        if key not in self._refused and len(self._refused) >= MOST:
            self._refused.pop(min(self._refused, key=lambda key: self._refused[key].seen))
            self._count("refused connections no longer followed: too many at a time")
        self._refused[key] = Refused(row, pursuit)
        self._picker = None

    def chunk(self, chunk: Chunk) -> None:
        """Look for packets of refused connections in *chunk*, and tell their ends."""
        if not self._refused:
            return
        now = time.monotonic()
        if self._picker is None:
            self._numbers = list(self._refused.values())
            self._picker = Picker(
                [_talk(number, each) for number, each in enumerate(self._numbers)]
            )
        for number, link, record in self._picker.pick(chunk):
            self._numbers[number].take(link, record[RECORD:], now)
        self.review()

    def review(self) -> None:
        """Tell the ends of those whose time has come; let go of those that are over."""
        now = time.monotonic()
        for key, each in list(self._refused.items()):
            if each.due and now >= each.next and each.attempts < self.attempts:
                self._tell(each, now)
            elif each.asks(now):
                self._probe(each)
            over = each.due and each.attempts >= self.attempts
            if over:
                self._count("refused connections that went on after all attempts")
            if over or now - each.seen > QUIET:
                del self._refused[key]
                self._picker = None

    def _tell(self, refused: Refused, now: float) -> None:
        refused.due = False
        refused.next = now + PAUSE * (2 << refused.attempts)
        refused.attempts += 1
        if refused.pursuit is not None:
            self._reset(refused, refused.pursuit)
        else:
            self._refuse_datagrams(refused)

    def _reset(self, refused: Refused, pursuit: Pursuit) -> None:
        for to in (1 - pursuit.side, pursuit.side):
            numbers = pursuit.numbers(to)
            (source, source_port), (target, target_port) = refused.ends[1 - to], refused.ends[to]
            if not numbers:
                self._count("ends not told: nothing was seen of what they wait for")
                continue
            self._ask(
                Reset(
                    source,
                    target,
                    source_port,
                    target_port,
                    numbers[: requests.MOST_NUMBERS],
                    pursuit.acknowledgement(to),
                    refused.wires[to],
                )
            )

    def _probe(self, refused: Refused) -> None:
        refused.probes += 1
        assert refused.pursuit is not None
        for to in (0, 1):
            (source, source_port), (target, target_port) = refused.ends[1 - to], refused.ends[to]
            if (found := refused.pursuit.probe(to)) is not None:
                ends = source, target, source_port, target_port
                self._ask(Probe(*ends, *found, refused.wires[to]))

    def _refuse_datagrams(self, refused: Refused) -> None:
        for side, seen in enumerate(refused.datagrams):
            if seen is None:
                continue
            if why := manners.silence(Segment(seen.packet), seen.target):
                self._count(f"datagrams not answered: {why}")
            else:
                self._ask(Unreachable(seen.packet[:1280], refused.wires[side]))
        refused.datagrams = [None, None]

    def _ask(self, request: Request) -> None:
        try:
            self._outbox.send(requests.encode(request))
        except OSError:  # it is behind, or being started again
            self._count("requests lost: the sending process did not take them")


def _talk(number: int, refused: Refused) -> tuple[int, str, int, str, int]:
    client, server = refused.row.client, refused.row.server
    return number, client.address, client.port, server.address, server.port
