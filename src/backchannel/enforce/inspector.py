"""What sees packets and judges them: packet core, engine, policy. Loads and opens nothing."""

import os
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address

from backchannel.capture.records import Records
from backchannel.contract import Output
from backchannel.enforce.connections import Connection, Key
from backchannel.enforce.hold import Holds
from backchannel.enforce.judge import Judge
from backchannel.enforce.law import Law
from backchannel.enforce.marks import Marks
from backchannel.enforce.messages import Figures, Knowledge, QueueFigures, Refused
from backchannel.enforce.nfqueue import Queue
from backchannel.enforce.recent import Recent
from backchannel.enforce.record import Book, Refusal
from backchannel.enforce.refuse import Refuser, Sender
from backchannel.enforce.sift import Sift
from backchannel.engine.engine import Engine
from backchannel.engine.stream import Stream
from backchannel.flows.core import FlowCore
from backchannel.flows.settings import FlowSettings
from backchannel.model import Side
from backchannel.pipeline import looks_for
from backchannel.protocols import Protocol, load

NAMES = 4096
"""Host names whose service is remembered."""
TURNS = 64
"""Turns of packets after which the clock and the other sockets are looked at in any case."""

RAW_IP = 101
CAPTURE = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, RAW_IP)
RECORD = struct.Struct("<IIII")
"""Heads of a capture with nanoseconds and of a packet in it: how the core is shown our own."""


class Inspector:
    """Judges the packets of its queues."""

    def __init__(
        self,
        known: Knowledge,
        queues: Sequence[Queue],
        *,
        marks: Marks,
        patience: int,
        max_flows: int,
        standing: frozenset[Key] = frozenset(),
        memory: int = 0,
        injector: Sender,
        interface: Callable[[int], str],
        tell: Callable[[Refusal], object],
    ) -> None:
        """*interface* returns an interface's name by its number; *standing* are the datagram
        connections that stood before.
        """
        self.queues, self.book = queues, Book(tell)
        self._marks, self._second = marks, 0
        self.law = self._before = Law(known.rules, known.services, known.limit)
        self.law.now(*_hour(time.time_ns()))
        service_of_name = lru_cache(maxsize=NAMES)(known.index.service_of)
        self._protocols = _loaded()
        self.core = _core(known, max_flows, patience)
        self.engine = Engine(
            self.core, self._protocols, service_of_name=service_of_name, on_output=self._heard
        )
        self._refuser = Refuser(injector, self.book)
        self.judge = Judge(
            self.core,
            self.engine,
            self.law,
            book=self.book,
            refuser=self._refuser,
            marks=marks,
            standing=standing,
            interface=interface,
            service_of_name=service_of_name,
        )
        self.sift = Sift(
            self.core,
            self.judge.deliver,
            self.judge.judge,
            pass_mark=marks.passes,
            mask=marks.mask,
            patience=patience,
            unknown=known.rules.default == "allow",
        )
        self.recent = Recent(memory, max_flows) if memory else None
        self.sift.recent = self.recent
        self.holds = self._held_back(queues)
        self.judge.attach(self.sift, self.holds)
        self._be_wary()

    def _held_back(self, queues: Sequence[Queue]) -> Holds:
        """Return what keeps packets that wait for others."""
        closed = {queue.number for queue in queues if queue.closed}
        waits = self.judge.waits
        return Holds(
            self.sift.known,
            closed.__contains__,
            self.book.count,
            nudge=waits.nudge,
            late=waits.late,
        )

    def _be_wary(self) -> None:
        """Have packets brought that the policy may mean, though nobody wants them yet."""
        self.sift.strict = self.law.strict
        wary = self.law.refusable()
        self.sift.be_wary(
            [
                (number, magic)
                for number, protocol in enumerate(self._protocols.values())
                if protocol.name in wary
                for magic in protocol.magic
            ]
        )

    def _heard(self, stream: Stream, side: Side, output: Output) -> None:
        self.judge.heard(stream, side, output)

    # -- packets ---------------------------------------------------------------------------------

    def drain(self, queue: Queue, beat: Callable[[], object]) -> None:
        """Judge what waits in *queue*, but not for too long; *beat* is called all the while."""
        for _ in range(TURNS):
            beat()
            self.judge.now = time.time_ns()
            if not self.sift.turn(queue, self.judge.now):
                return
            if self.holds:
                self.holds.look()
                self._flush()

    def tend(self) -> bool:
        """Let time pass. Return whether hours began or ended, so that what is decided changes."""
        now = time.time_ns()
        self.holds.review(time.monotonic_ns())  # somebody may set the clock
        self._flush()
        if now // 1_000_000_000 == self._second:
            return False
        self._second = now // 1_000_000_000
        turned = self.law.now(*_hour(now))
        if turned:
            self._change(self.law)
        self.judge.now = now
        self._let_go(now)
        self.core.expire(now)
        while batch := self.core.take():
            self.judge.deliver(batch)
        return turned

    def _let_go(self, now: int) -> None:
        """Show the core the resets of what was refused, and with them the end."""
        if not (ends := self._refuser.ends):
            return
        moment = divmod(now, 1_000_000_000)
        records = [RECORD.pack(*moment, len(end), len(end)) + end for end in ends]
        ends.clear()
        capture = memoryview(b"".join((CAPTURE, *records)))
        framing = Records(bytes(capture[:24]))
        self.core.feed(framing.cut(capture, len(capture)))
        while batch := self.core.take():
            self.judge.deliver(batch)

    def _flush(self) -> None:
        for queue in self.queues:
            queue.flush()

    def figures(self, number: int, confined: str) -> Figures:
        """Return what is counted, as the answer to question *number*."""
        totals, counters = self.core.totals(), self.book.counters
        return Figures(
            number=number,
            queues=tuple(
                QueueFigures(
                    number=queue.number,
                    received=queue.received,
                    answered=queue.answered,
                    overruns=queue.overruns,
                    malformed=queue.malformed,
                    refused=queue.refused,
                )
                for queue in self.queues
            ),
            passed=self.sift.passed,
            settled=self.sift.settled + counters["flows given to the kernel to pass"],
            costs=tuple(self.sift.costs),
            refusals=tuple(Refused(*why, times) for why, times in self.book.reasons.items()),
            counters=dict(counters),
            core=self.core.counters() | dict(self.engine.counters),
            flows=totals["flows"],
            packets=totals["packets"],
            confined=confined,
        )

    # -- another policy --------------------------------------------------------------------------

    def reload(self, known: Knowledge) -> None:
        """Judge by *known* from now on. Call `revise` with all connections then."""
        self.core.match(**looks_for(known.index, everything=False))
        service_of_name = lru_cache(maxsize=NAMES)(known.index.service_of)
        self.engine.names.service_of_name = service_of_name
        self.sift.unknown = known.rules.default == "allow"
        self._second = 0  # so that the new policy learns the time at once
        self._change(Law(known.rules, known.services, known.limit), service_of_name)

    def _change(self, law: Law, service_of_name: Callable[[str], str] | None = None) -> None:
        self._before, self.law = self.law, law
        self.judge.now = now = time.time_ns()
        law.now(*_hour(now))
        self.judge.reload(law, service_of_name)
        self._be_wary()

    def revise(self, connections: Iterable[Connection]) -> Iterator[tuple[int, int]]:
        """Yield the places of those connections whose verdict changes, and the marks they get."""
        for place, each in enumerate(connections):
            was = each.mark & self._marks.mask
            flow = self.judge.memory.find(each.keys)
            mark = self.judge.revise(flow) if flow is not None else self._unknown(each, was)
            if was and mark != was:
                yield place, mark

    def _unknown(self, connection: Connection, was: int) -> int:
        """Return the mark of a connection of which nothing is remembered: nobody wanted it, or
        it was never to be cut.
        """
        if was != self._marks.passes or self.judge.memory.forgotten:
            return 0
        before, now = self._before.rules, self.law.rules
        if now.default == "deny" and before.default == "allow":
            return 0
        if before.never_block == now.never_block and before.lifelines == now.lifelines:
            return was
        pairs = {(connection.client, connection.server), (connection.client, connection.called)}
        spared = (
            self._before.may_have_spared(str(ip_address(a)), str(ip_address(b)))
            for (a, _), (b, _) in pairs
        )
        return 0 if any(spared) else was


def _loaded() -> dict[str, Protocol]:
    """Return the protocols, each loaded now and not when a packet waits for it."""
    protocols = load()
    for each in protocols.values():
        _ = each.recognise, each.session
    return protocols


def _core(known: Knowledge, max_flows: int, patience: int) -> FlowCore:
    return FlowCore(
        settings=FlowSettings(
            ah=False,  # a verdict on what is inside would be one on all of AH
            answers_wait=False,  # packets come in order, and none may pass before it was judged
            key=int.from_bytes(os.urandom(8)) | 1,
            max_flows=max_flows,
            payloads=max(patience, 1),
        ),
        **looks_for(known.index, everything=False),
    )


def _hour(now: int) -> tuple[int, int]:
    """Return weekday and minute of the day by the firewall's own clock."""
    clock = datetime.fromtimestamp(now // 1_000_000_000)  # noqa: DTZ006 - its own clock
    return clock.weekday(), clock.hour * 60 + clock.minute
