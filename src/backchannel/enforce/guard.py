"""The guard: rules in the kernel, packets from its queue, verdicts back.

Guard(...)   needs privilege: sockets are opened, rules loaded, the watchdog started
run()        needs only what is open
close()      needs privilege again: rules are removed
"""

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Self

import msgspec

from backchannel import notify
from backchannel.catalogue.index import Index
from backchannel.catalogue.model import Service
from backchannel.contract import Output
from backchannel.enforce import bridge, connections, kernel, ruleset, status
from backchannel.enforce.control import Control
from backchannel.enforce.hold import Holds
from backchannel.enforce.inject import Injector
from backchannel.enforce.judge import Judge
from backchannel.enforce.law import Law
from backchannel.enforce.marks import Marks
from backchannel.enforce.nfqueue import Queue
from backchannel.enforce.record import Book, Refusal
from backchannel.enforce.refuse import Refuser
from backchannel.enforce.sift import Sift
from backchannel.enforce.watchdog import BEAT, Watchdog, hurry
from backchannel.engine.engine import Engine
from backchannel.engine.observation import Observation
from backchannel.engine.stream import Stream
from backchannel.flows.core import FlowCore
from backchannel.flows.settings import FlowSettings
from backchannel.model import Side
from backchannel.policy.document import Mode
from backchannel.policy.model import Rules
from backchannel.protocols import load

NAMES = 4096
"""Host names whose service is remembered."""
TURNS = 64
"""Turns of packets after which the clock and the other sockets are looked at in any case."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is not in the policy."""

    hooks: tuple[ruleset.Hook, ...] = ("forward",)
    queue: int = 0
    length: int = 4096
    """Packets that may wait in the kernel."""
    marks: Marks = Marks()
    limit: Mode | None = None
    """Go no further than this mode."""
    control: Path | None = None
    patience: int = 8
    """Payloads of a flow that are looked at before nobody wants it."""
    max_flows: int = 1 << 18


class Guard:
    """One guard in one network namespace."""

    def __init__(
        self,
        rules: Rules,
        services: Mapping[str, Service],
        index: Index,
        options: Options,
        *,
        tell: Callable[[Refusal], object] = lambda _: None,
        observe: Callable[[Observation], object] = lambda _: None,
    ) -> None:
        """Raises UsageError and OSError; then nothing is left behind."""
        kernel.check()
        self.warnings = bridge.check()
        self.rules, self.options = rules, options
        self.book = Book(tell)
        self.law = Law(rules, services, options.limit)
        self._plan = ruleset.Plan(
            rules=rules,
            hooks=options.hooks,
            queue=options.queue,
            marks=options.marks,
            spare_empty=kernel.sees_payload(),
        )
        self._stopping = False
        self._second = 0
        self._build(index, observe)
        self._open()

    def _build(self, index: Index, observe: Callable[[Observation], object]) -> None:
        """Make what sees and judges."""
        protocols, options = load(), self.options
        for each in protocols.values():
            _ = each.recognise, each.session  # loaded now, not when a packet waits for it
        numbers = {name: number for number, name in enumerate(protocols)}
        self.core = FlowCore(
            [(numbers[name], magic) for name, p in protocols.items() for magic in p.magic],
            FlowSettings(
                key=int.from_bytes(os.urandom(8)) | 1,
                max_flows=options.max_flows,
                payloads=max(options.patience, 1),
            ),
            names=index.suffixes(),
            name_gated=[numbers[name] for name, p in protocols.items() if p.context],
        )
        service_of_name = lru_cache(maxsize=NAMES)(index.service_of)
        self.engine = Engine(
            self.core,
            protocols,
            service_of_name=service_of_name,
            on_output=self._heard,
        )
        self._injector = Injector()
        self.judge = Judge(
            self.core,
            self.engine,
            self.law,
            book=self.book,
            refuser=Refuser(self._injector, self.book),
            marks=options.marks,
            observe=observe,
            service_of_name=service_of_name,
        )
        self.sift = Sift(
            self.core,
            self.judge.deliver,
            self.judge.judge,
            pass_mark=options.marks.passes,
            mask=options.marks.mask,
            patience=options.patience,
            unknown=self.rules.default == "allow",
        )
        closed = options.queue + 1
        self.holds = Holds(self.sift.known, lambda number: number == closed, self.book.count)
        self.judge.attach(self.sift, self.holds)

    def _heard(self, stream: Stream, side: Side, output: Output) -> None:
        self.judge.heard(stream, side, output)

    def _open(self) -> None:
        """Bind the queues, then send packets there."""
        options = self.options
        self.queues = [Queue(options.queue, length=options.length)]
        if self._plan.closes:
            self.queues.append(Queue(options.queue + 1, length=options.length, fail_open=False))
        self.control = Control(options.control, self._answers()) if options.control else None
        texts = kernel.texts(self._plan)
        hurry()
        try:
            self._forget_verdicts()
            kernel.load(texts)
            self.watchdog = Watchdog(texts)
        except BaseException:
            kernel.remove()
            self._close_sockets()
            raise

    # -- running -----------------------------------------------------------------------------------

    def run(self) -> None:
        """Judge packets until `stop` is called."""
        waiting = select.poll()
        for queue in self.queues:
            waiting.register(queue.fileno(), select.POLLIN)
        if self.control is not None:
            waiting.register(self.control.fileno(), select.POLLIN)
        service = notify.Service()
        service.ready(f"guarding by {self.rules.name}")
        while not self._stopping:
            now = time.monotonic()
            self.watchdog.beat(now)
            service.alive()
            pause = 0.02 if self.holds else BEAT / 2
            ready = {number for number, _ in waiting.poll(pause * 1000)}
            for queue in self.queues:
                if queue.fileno() in ready:
                    self._drain(queue)
            if self.control is not None and self.control.fileno() in ready:
                self.control.serve()
            self._tend()
        service.stopping()

    def stop(self, *_: int | FrameType | None) -> None:
        """Leave `run` soon; may be a signal's handler."""
        self._stopping = True

    def stop_on_signals(self) -> None:
        """Leave in order at SIGTERM and SIGINT."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)

    def _drain(self, queue: Queue) -> None:
        for _ in range(TURNS):
            self.judge.now = time.time_ns()
            if not self.sift.turn(queue, self.judge.now):
                return
            if self.holds:
                self.holds.review(self.judge.now)
                self._flush()

    def _tend(self) -> None:
        """Once a second: idle flows end, rules with hours begin and end."""
        now = time.time_ns()
        if self.holds:
            self.holds.review(now)
            self._flush()
        if now // 1_000_000_000 == self._second:
            return
        self._second = now // 1_000_000_000
        clock = datetime.fromtimestamp(self._second)  # noqa: DTZ006 - the firewall's own clock
        self.law.now(clock.weekday(), clock.hour * 60 + clock.minute)
        self.judge.now = now
        self.core.expire(now)
        while batch := self.core.take():
            self.judge.deliver(batch)

    def _flush(self) -> None:
        for queue in self.queues:
            queue.flush()

    # -- the end -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Take the rules away and leave the queues."""
        self.watchdog.stop()
        kernel.remove()
        self._forget_verdicts()
        self._close_sockets()

    def _forget_verdicts(self) -> None:
        """Take our bits out of the marks of all connections."""
        connections.clear(self.options.marks.mask | self.options.marks.closed)

    def _close_sockets(self) -> None:
        for queue in self.queues:
            queue.close()
        self._injector.close()
        if self.control is not None:
            self.control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def status(self) -> status.Status:
        """Return how it stands."""
        return status.of(self)

    def _answers(self) -> dict[str, Callable[[], object]]:
        return {"status": self.status}


def complain(text: str) -> None:
    """Say something to whoever watches standard error."""
    print(f"backchannel: {text}", file=sys.stderr, flush=True)
