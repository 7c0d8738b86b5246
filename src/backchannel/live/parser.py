"""The parsing half of a watch: chunks of frames in, messages out. The same engine as for files.

It opens nothing and decides nothing: what is found, written and sent is the other half's work.
"""

import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from backchannel.capture.records import Chunk
from backchannel.catalogue.index import Index
from backchannel.contract import Output, Reads
from backchannel.detect.detector import may_match
from backchannel.detect.expressions import Expression
from backchannel.detect.kinds import kinds
from backchannel.engine.ended import Ended, ended
from backchannel.engine.engine import Engine
from backchannel.engine.faults import Faults
from backchannel.engine.observation import Observation, Place
from backchannel.engine.observer import Counted
from backchannel.engine.stream import Stream
from backchannel.events import Event, tag_of
from backchannel.extract.store import FileStore
from backchannel.flows.core import FlowCore
from backchannel.live import columns, messages
from backchannel.live.companion import Join, Onlooker
from backchannel.live.messages import Report, Talker, Task
from backchannel.model import Endpoint, Side, Standing
from backchannel.pipeline import ASKED, NAMES, looks_for
from backchannel.protocols import load
from backchannel.report.document import Session
from backchannel.when import rfc3339

BATCH = 512
"""Observations after which a message leaves."""
LOOKED_AT = 2048
"""Live streams whose bytes are counted for the talkers at a time."""
TALKERS = 256
"""Talkers told."""
PAGE = os.sysconf("SC_PAGESIZE")

Tell = Callable[[Report], None]


def _reads(read: messages.Read | None) -> Reads | None:
    """Return what tells sessions which events somebody reads; None: all."""
    if read is None:
        return None
    conditions = {
        tag: [Expression(text, tag) for text in wanted.conditions] for tag, wanted in read.items()
    }

    def reads(tag: str, **values: str | int | tuple[str, ...]) -> bool:
        return may_match(conditions.get(tag, ()), values)

    return lru_cache(maxsize=ASKED)(reads)


class Parser:
    """Core and engine, and what they have to tell."""

    def __init__(self, task: Task, tell: Tell, join: Join | None = None) -> None:
        self._tell, self._collect, self._shown = tell, task.collect, task.talkers
        self._core = FlowCore(
            settings=task.settings,
            collect=task.collect,
            **looks_for(task.index, everything=task.everything),
        )
        self._counts: Counter[str] = Counter()
        self._faults = Faults(self._count)
        self._engine = Engine(
            self._core,
            load(),
            service_of_name=_service_of_name(task.index),
            files=FileStore(count=self._count),
            on_end=self._ended,
            on_output=self._heard if join is not None else None,
            on_count=self._happened,
            everything=task.everything,
        )
        self._look_for(task.read)
        self._onlooker: Onlooker | None = None
        if join is not None:
            names = self._engine.names.service_of_name
            self._onlooker = join(task.orders, self._core, self._engine, names)
        self._seen: list[Observation] = []
        self._over: list[Ended] = []
        self._claims: dict[int, tuple[str, str, str]] = {}
        self._counted: dict[tuple[type[Event], Place, int, Endpoint | None], list[Any]] = {}
        self._cursor = 0

    # -- what goes in --------------------------------------------------------------------------

    def read(self, chunk: Chunk) -> None:
        """Take the next frames; the chunk is used up then."""
        self._core.feed(chunk)
        self._drain()
        if self._onlooker is not None:
            self._onlooker.chunk(chunk)

    def pass_time(self, now: int) -> None:
        """Let time pass until *now* (ns) without packets."""
        self._core.expire(now)
        self._drain()

    def reload(self, command: messages.Reload) -> None:
        """Look for what another catalogue knows; all flows stay."""
        self._core.match(**looks_for(command.index, everything=command.everything))
        self._engine.names.service_of_name = _service_of_name(command.index)
        self._engine.everything = command.everything
        self._look_for(command.read)

    def _look_for(self, read: messages.Read | None) -> None:
        """Tell what somebody reads, from now on; None: everything."""
        self._engine.read = _reads(read)
        wanted = {kind: (read or {}).get(tag) for tag, kind in kinds().items()}
        self._without = {
            kind: dict.fromkeys(each.without, ()) for kind, each in wanted.items() if each
        }

    def obey(self, command: messages.Orders) -> None:
        """Hand the onlooker what it is told."""
        if self._onlooker is not None:
            self._onlooker.obey(command.body)

    def finish(self) -> None:
        """End all flows and tell everything."""
        self._core.finish()
        self._drain()
        self._seen += self._engine.finish()
        self.flush()
        self.tell_flows()

    # -- what comes out ------------------------------------------------------------------------

    def flush(self) -> None:
        """Tell what was decoded since the last time; call ten times a second."""
        if self._onlooker is not None:
            self._onlooker.tick()
        if not self._seen and not self._over and not self._counted:
            return
        seen, over, counted = self._seen, self._over, self._counted
        self._seen, self._over, self._counted = [], [], {}
        happened = tuple(
            messages.Counted(tag_of(kind), place, flow, target, times, time)
            for (kind, place, _, target), (flow, times, time) in counted.items()
        )
        heard = messages.Heard(seen, tuple(over), happened)
        try:
            self._tell(heard)
        except messages.UNSAYABLE:
            for each in seen:
                self._tell_alone(each)
            self._tell(msgspec.structs.replace(heard, seen=()))

    def tell_flows(self) -> None:
        """Tell the flows that ended since the last time, where rows are wanted."""
        if not self._collect:
            return
        rows = self._core.columns()
        if not len(rows["serial"]):
            return
        claims = {n: self._claims.pop(n) for n in rows["serial"] if n in self._claims}
        self._tell(messages.Flows(columns.pack(rows), claims))

    def beside(self) -> messages.Beside | None:
        """Return what the onlooker has to say."""
        body = self._onlooker.told() if self._onlooker is not None else b""
        return messages.Beside(body) if body else None

    def logins(self) -> messages.Logins:
        """Return the logins that tied flows together."""
        return messages.Logins(
            tuple(
                Session(
                    service=group.service,
                    account=group.account,
                    flows=tuple(sorted(group.flows)),
                    first_seen=rfc3339(group.first),
                    last_seen=rfc3339(group.last),
                )
                for group in self._engine.groups()
            )
        )

    def status(self, kernel: dict[str, tuple[int, int]]) -> messages.Status:
        """Return how it goes."""
        totals = self._core.totals()
        return messages.Status(
            packets=totals["packets"],
            octets=totals["bytes"],
            flows=totals["flows"],
            kernel=kernel,
            counters=dict(self._core.counters() | self._engine.counters | self._counts),
            talkers=tuple(self._talkers()) if self._shown else (),
            live=len(self._engine.live()),
            cpu=time.process_time(),
            memory=_resident(),
        )

    # -- inside --------------------------------------------------------------------------------

    def _drain(self) -> None:
        while batch := self._core.take():
            told = self._engine.handle(batch)
            if self._onlooker is not None:
                told += self._onlooker.look(batch)
            if told:
                self._seen += map(self._lean, told)
                if len(self._seen) >= BATCH:
                    self.flush()

    def _lean(self, seen: Observation) -> Observation:
        """Return an observation without what nobody reads of it."""
        without = self._without.get(type(seen.event))
        if not without:
            return seen
        return msgspec.structs.replace(seen, event=msgspec.structs.replace(seen.event, **without))

    def _heard(self, stream: Stream, side: Side, output: Output) -> None:
        if self._onlooker is not None:
            self._onlooker.heard(stream, side, output)

    def _ended(self, stream: Stream, slot: int) -> None:
        if slot < 0:
            first, last = stream.first, stream.last
            made = ended(stream, packets=0, octets=stream.octets, first=first, last=last)
        else:
            row = self._core.row(slot)
            made = ended(
                stream,
                packets=sum(row.packets),
                octets=sum(row.bytes),
                first=row.first_time,
                last=row.last_time,
            )
            if self._collect:
                word = stream.confidence.word
                self._claims[row.serial] = stream.service, stream.stack, word
        self._over.append(made)

    def _tell_alone(self, seen: Observation) -> None:
        """Tell one observation. One that cannot be said is a decoder's fault, and lost alone."""
        try:
            self._tell(messages.Heard((seen,), ()))
        except messages.UNSAYABLE:
            self._faults.note(seen.stack, "decoder")

    def _happened(self, counted: Counted) -> None:
        """Count events of which nobody reads more than their kinds."""
        kinds, place, flow, target, time = counted
        for kind in kinds:
            key = kind, place, flow.serial, target
            row = self._counted.get(key)
            if row is None:
                self._counted[key] = [flow, 1, time]
            else:
                row[1] += 1
                row[2] = time

    def _talkers(self) -> Iterator[Talker]:
        """Yield the bytes of live flows by client and service, the most first."""
        found: Counter[tuple[str, str]] = Counter()
        streams = [stream for stream in self._engine.live() if stream.claim is not None]
        if len(streams) > LOOKED_AT:  # the others get their turn
            self._cursor %= len(streams)
            streams = (streams[self._cursor :] + streams[: self._cursor])[:LOOKED_AT]
            self._cursor += LOOKED_AT
        for stream in streams:
            service = stream.service
            if service and stream.standing is not Standing.REFUTED:
                found[stream.flow.client.address, service] += self._core.volume(stream.slot)
        for (client, service), octets in found.most_common(TALKERS):
            yield Talker(client, service, octets)

    def _count(self, what: str) -> None:
        self._counts[what] += 1


def _service_of_name(index: Index) -> Callable[[str], str]:
    return lru_cache(maxsize=NAMES)(index.service_of)


def _resident() -> int:
    """Return the bytes of memory that this process holds."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE
    except OSError:  # the sandbox may hide it
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
