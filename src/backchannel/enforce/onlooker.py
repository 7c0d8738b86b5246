"""The watch's parser when it prevents: verdicts on copies of packets, and whom to tell of them.

usage: python -m backchannel.enforce.onlooker COMMANDS ARRIVALS    as live/worker.py

What a flow shows in use is held against the policy by the same judge as the guard's. The packet
that showed it has passed, so its ends are told: by resets or ICMP that another process sends
(`sender`), asked for over a socket that can carry nothing else.
"""

import socket
import sys
from collections.abc import Sequence

import msgspec

from backchannel.capture.records import Chunk
from backchannel.contract import Output
from backchannel.detect.events import PolicyMatch
from backchannel.enforce import packing, signs
from backchannel.enforce.blind import Judgement
from backchannel.enforce.chase import Chase
from backchannel.enforce.flow import Flow, turned
from backchannel.enforce.judge import Judge
from backchannel.enforce.law import Ends, Law
from backchannel.enforce.marks import Marks
from backchannel.enforce.position import position
from backchannel.enforce.pursuit import Pursuit
from backchannel.enforce.record import Book, Refusal
from backchannel.enforce.refuse import Refuser
from backchannel.enforce.tcp import after
from backchannel.engine.engine import Engine
from backchannel.engine.observation import Observation
from backchannel.engine.stream import Stream
from backchannel.flows.community import ICMP, ICMP6
from backchannel.flows.core import CLOSED, DATA, Delivery, FlowCore
from backchannel.live import worker
from backchannel.live.companion import ServiceOfName
from backchannel.model import Confidence, Side

REFUSED = 1
"""Stands where the guard notes the mark of a refused flow."""


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What the watch tells its parsers."""

    judgement: Judgement | None = None
    """None: as before; only the hour is new."""
    outbox: int
    """Descriptor that requests leave by; only in the first orders."""
    attempts: int
    hour: tuple[int, int] = (0, 0)
    """Weekday and minute by the watch's clock."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a parser says to the watch: what it counted since it began."""

    reasons: tuple[tuple[str, str, str, str, int], ...]
    """Action, line, service, capability, times."""
    counters: dict[str, int]


class Onlooker:
    """Holds every delivery against the policy."""

    def __init__(
        self, orders: bytes, core: FlowCore, engine: Engine, service_of_name: ServiceOfName
    ) -> None:
        made: Orders = packing.decode(orders, Orders)
        self._core, self._engine, self._service_of_name = core, engine, service_of_name
        self._flows: dict[int, Flow] = {}
        self._standing: dict[int, tuple[tuple[object, ...], bool]] = {}
        self._seen: list[Observation] = []
        self._said: list[tuple[Stream, Output]] = []
        self._delivery: Delivery = (0, 0, CLOSED, 0, 0, 0)
        self._told: Told | None = None
        self.book = Book(self._observe)
        outbox = socket.socket(fileno=made.outbox)
        outbox.setblocking(False)
        self._chase = Chase(outbox, self.book.count, made.attempts)
        self._sit(made)

    def _sit(self, orders: Orders) -> None:
        """Judge by *orders*."""
        judgement = orders.judgement
        assert judgement is not None
        self._law = Law(judgement.rules, judgement.services, judgement.limit)
        self._law.now(*orders.hour)
        self._standing = {}
        self._judge = Judge(
            self._core,
            self._engine,
            self._law,
            book=self.book,
            refuser=Refuser(None, self.book),
            marks=Marks(),
            service_of_name=self._service_of_name,
        )

    # -- what the parser calls -------------------------------------------------------------------

    def heard(self, stream: Stream, _side: Side, output: Output) -> None:
        """A session said something."""
        self._said.append((stream, output))

    def look(self, batch: Sequence[Delivery]) -> list[Observation]:
        """Judge the flows of *batch*; return what the policy says of them, as events."""
        said, self._said = self._said, []
        brought: dict[int, list[Delivery]] = {}
        for delivery in batch:
            if delivery[2] == CLOSED:
                self._flows.pop(delivery[0], None)
                self._standing.pop(delivery[0], None)
                brought.pop(delivery[0], None)
            else:
                brought.setdefault(delivery[0], []).append(delivery)
        for slot, deliveries in brought.items():
            flow = self._flow(slot)
            if flow.refused is not None or flow.row.protocol in {ICMP, ICMP6}:
                continue
            if len(brought) > 1:  # flows that ended together
                of_flow = [each for each in said if each[0].flow.serial == flow.row.serial]
                self._consider(flow, deliveries, of_flow)
            else:
                self._consider(flow, deliveries, said)
        seen, self._seen = self._seen, []
        return seen

    def chunk(self, chunk: Chunk) -> None:
        """All frames of *chunk* were looked at: now ends are told."""
        self._chase.chunk(chunk)

    def tick(self) -> None:
        """A moment has passed, with packets or without."""
        self._chase.review()

    def obey(self, orders: bytes) -> None:
        """Judge by other rules from now on, also what standing flows have shown; what was refused
        stays so.
        """
        made: Orders = packing.decode(orders, Orders)
        if made.judgement is None:
            self._law.now(*made.hour)
            self._standing.clear()
        else:
            self._sit(made)
            for flow in self._flows.values():
                flow.again = True
            self._chase.attempts = made.attempts

    def told(self) -> bytes:
        """Return what was counted, where it changed."""
        reasons = tuple((*reason, times) for reason, times in self.book.reasons.items())
        made = Told(reasons=reasons, counters=dict(self.book.counters))
        if made == self._told:
            return b""
        self._told = made
        return packing.encode(made)

    # -- verdicts --------------------------------------------------------------------------------

    def _flow(self, slot: int) -> Flow:
        flow = self._flows.get(slot)
        if flow is None:
            row = self._core.row(slot)
            ends = Ends(row.client.address, row.server.address)
            flow = self._flows[slot] = Flow(slot, row, ends)
        return flow

    def _consider(
        self, flow: Flow, brought: Sequence[Delivery], said: Sequence[tuple[Stream, Output]]
    ) -> None:
        """Judge a flow by what it shows now."""
        self._delivery = brought[-1]
        _, side, _, now, _, _ = self._delivery
        if self._idle(flow, said):
            return
        found = self._judge.find(flow, said, now)
        if found is None:
            return
        flow.refused = REFUSED
        row = self._core.row(flow.slot)
        if row.tunnel:
            self.book.count("refused and not answered: inside a tunnel")
            self.book.tell(row, *found, "unanswered", now)
            return
        self.book.tell(row, *found, "reset", now)
        if row.protocol == socket.IPPROTO_TCP:
            pieces = [each[5] for each in brought if each[1] == side and each[2] == DATA]
            size = sum(len(piece) for piece in pieces if isinstance(piece, bytes))
            self._chase.begin(row, self._pursuit(flow.slot, side, size))
        else:
            self._chase.begin(row, None)

    def _idle(self, flow: Flow, said: Sequence[tuple[Stream, Output]]) -> bool:
        """Say whether there is nothing to ask: nothing has changed in what the flow is taken for,
        or the policy says nothing of that. Streams inside it may change any time.
        """
        stream = self._engine.stream(flow.slot)
        if stream is None or stream.children or flow.again:
            return False
        standing = stream.spoken, stream.service, stream.standing, stream.deaf
        before, concerned = self._standing.get(flow.slot, ((), True))
        if before != standing:
            concerned = self._concerned(flow, stream)
            self._standing[flow.slot] = standing, concerned
            return not concerned
        return not concerned or not (said or flow.pending)

    def _concerned(self, flow: Flow, stream: Stream) -> bool:
        """Say whether the policy speaks of what a flow is taken for, or may yet turn out to be."""
        if stream.protocol is None or stream.protocol.context or not signs.proved(stream):
            return True
        ends = flow.ends, turned(flow.ends)
        family = self._law.family(stream.spoken, stream.service)
        return any(self._law.decide(service, each).concerns for service in family for each in ends)

    def _pursuit(self, slot: int, side: int, size: int) -> Pursuit:
        """Return a pursuit of the connection whose *side* brought *size* bytes just now."""
        mine, other = (position(self._core, slot, each) for each in (side, 1 - side))
        end = mine[0] if mine is not None else 0
        begin = after(end, -max(size, 1))
        return Pursuit(side, begin, end, other[1] if other is not None else None)

    def _observe(self, refusal: Refusal) -> None:
        """Make an event of what the book was told."""
        _, side, _, time, frame, _ = self._delivery
        stream = self._engine.stream(self._delivery[0])
        assert stream is not None
        self._seen.append(
            Observation(
                time,
                frame,
                stream.flow,
                refusal.stack,
                stream.spoken,
                refusal.service,
                Confidence[refusal.confidence.upper()],
                Side(side),
                PolicyMatch(
                    action=refusal.action,
                    line=refusal.line,
                    place=refusal.place,
                    used=refusal.capability,
                    why=refusal.evidence,
                ),
                stream.target,
                refusal.account,
            )
        )


def main(arguments: list[str]) -> int:
    """Run the worker with an onlooker in it."""
    return worker.main(arguments, join=Onlooker)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
