"""What the watching half makes of what the parsers tell: findings, summary, figures.

It sees typed values only. Several parsers count their flows and frames each for itself: here the
numbers are made one sequence.
"""

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from time import time_ns
from typing import TypeVar

import msgspec

from backchannel import __version__
from backchannel.catalogue.index import Index
from backchannel.detect.detector import Detector
from backchannel.detect.kinds import kinds as event_kinds
from backchannel.detect.model import Finding, Rule
from backchannel.detect.suppress import Suppression, apply
from backchannel.engine.ended import Ended
from backchannel.engine.observation import FlowInfo, Observation, Place
from backchannel.engine.observer import READ as ENGINE_READ
from backchannel.live import framing, messages
from backchannel.live.messages import Status
from backchannel.live.screen import Service
from backchannel.model import Endpoint
from backchannel.privacy import Disclosure
from backchannel.report import matrix
from backchannel.report.document import Document, Input, Session, Traffic
from backchannel.report.summary import READ, Summary
from backchannel.text import escape
from backchannel.when import rfc3339

TALKERS = 4096
"""Clients whose bytes are added up; the least one goes when there are more."""
MOST = 1 << 20
"""Events of one kind that a message may count."""
KEPT = 512
"""Newest findings kept for the view."""

_T = TypeVar("_T", Observation, Ended)
Listener = Callable[[Observation], object]


class Totals(msgspec.Struct):
    """Figures of all parsers together."""

    packets: int = 0
    octets: int = 0
    flows: int = 0
    received: int = 0
    """Packets that the kernel saw, those that it dropped included."""
    drops: int = 0
    live: int = 0
    cpu: float = 0.0
    memory: int = 0


class Collector:
    """Everything that was found since the start, and since the last report."""

    def __init__(
        self,
        *,
        rules: Sequence[Rule],
        index: Index,
        disclosure: Disclosure,
        repeat: float,
        workers: int = 1,
        suppressions: Sequence[Suppression] = (),
        report: bool = True,
    ) -> None:
        """*report*: whether `document` will be asked for; what only it shows is not gathered
        otherwise, nor told by the parsers.
        """
        self.index, self.disclosure = index, disclosure
        self._rules, self._repeat, self._workers = tuple(rules), max(1, int(repeat)), workers
        self._suppressions = tuple(suppressions)
        self._detector = Detector(rules, repeat=self._repeat)
        self._period = Summary(disclosure) if report else None
        self._began = self._now()
        self._status: dict[int, Status] = {}
        self._logins: dict[int, tuple[Session, ...]] = {}
        self._before = Totals()
        self.listeners: list[Listener] = []
        """Called with every observation."""
        self.on_service: Callable[[Service], object] = lambda _: None
        """Called when a service is seen for the first time."""
        self.events: Counter[str] = Counter()
        """Events by service."""
        self.flows: Counter[str] = Counter()
        """Flows that ended by service."""
        self.clients: dict[str, set[str]] = {}
        self._kinds = event_kinds()
        self.found: Counter[str] = Counter()
        """Findings by severity."""
        self.suppressed = 0
        self.talked: Counter[tuple[str, str]] = Counter()
        """Bytes of flows that ended, by client and service."""
        self.newest: deque[Finding] = deque(maxlen=KEPT)

    # -- what parsers tell ---------------------------------------------------------------------

    def take(self, number: int, report: messages.Report) -> None:
        """Take a message of parser *number*."""
        match report:
            case messages.Heard():
                for seen in report.seen:
                    self._hear(self._one(seen, number))
                for ended in report.ended:
                    self._end(self._one(ended, number))
                for counted in report.counted:
                    self._happened(counted)
            case messages.Status():
                self._status[number] = report
            case messages.Logins():
                self._logins[number] = report.sessions

    def _hear(self, seen: Observation) -> None:
        if self._period is not None:
            self._period.add(seen)
        self._detector.add(seen)
        if seen.service:
            place = seen.stack, seen.protocol, seen.service, seen.confidence, seen.account
            self._uses(place, seen.flow, seen.target, seen.time)
        for listener in self.listeners:
            listener(seen)

    def _happened(self, told: messages.Counted) -> None:
        """Count events of which only the kind was told."""
        kind = self._kinds.get(told.tag)
        if kind is None:
            raise framing.Broken(f"an event {told.tag}")
        if self._period is not None:
            kinds = [kind] * min(told.times, MOST)
            self._period.count(kinds, told.place, told.flow, told.target, told.time)
        if told.place[2]:
            self._uses(told.place, told.flow, told.target, told.time, told.times)

    def _uses(
        self, place: Place, flow: FlowInfo, target: Endpoint | None, time: int, times: int = 1
    ) -> None:
        """Note that a service was used, and tell it where it is the first time."""
        stack, _, service, confidence, _ = place
        known = self.clients.get(service)
        if known is None:
            known = self.clients[service] = set()
            self.on_service(
                Service(
                    time=rfc3339(time),
                    service=service,
                    title=self.index.title(service),
                    stack=stack,
                    confidence=confidence.word,
                    client=str(flow.client),
                    server=escape(str(target or flow.server)),
                    community_id=flow.community_id,
                )
            )
        self.events[service] += times
        if len(known) < TALKERS:
            known.add(flow.client.address)

    def _end(self, ended: Ended) -> None:
        if self._period is not None:
            self._period.end(ended)
        self._detector.end(ended)
        if not ended.service:
            return
        self.flows[ended.service] += 1
        if not ended.inner:
            self.talked[ended.client.address, ended.service] += ended.octets
            if len(self.talked) > TALKERS:
                del self.talked[min(self.talked, key=self.talked.__getitem__)]

    def _one(self, value: _T, number: int) -> _T:
        """Return *value* with numbers that no other parser has."""
        if self._workers == 1:
            return value
        serial, frame = self._number(value.flow.serial, number), self._number(value.frame, number)
        flow = msgspec.structs.replace(value.flow, serial=serial)
        return msgspec.structs.replace(value, flow=flow, frame=frame)

    def _number(self, count: int, worker: int) -> int:
        return messages.numbered(count, self._workers, worker)

    # -- what is found -------------------------------------------------------------------------

    def fresh(self) -> list[tuple[Finding, bool]]:
        """Return the findings to be told now, each with whether it was told before; those that
        somebody accepted are only counted.
        """
        told = self._detector.fresh(_locate)
        kept = set(self._kept(tuple(finding for finding, _ in told))[0])
        self.suppressed += len(told) - len(kept)
        out = [(finding, again) for finding, again in told if finding in kept]
        for finding, again in out:
            if not again:
                self.found[finding.severity] += 1
            self.newest.append(finding)
        return out

    def _kept(self, found: tuple[Finding, ...]) -> tuple[tuple[Finding, ...], int]:
        """Return the findings that nobody accepted, and how many somebody did."""
        if not found or not self._suppressions:
            return found, 0
        kept, hidden = apply(found, self._suppressions, datetime.now(tz=UTC).date())
        return tuple(kept), hidden

    def forget(self, seconds: float) -> None:
        """Forget findings that were not seen for as long."""
        self._detector.forget(self._now() - int(seconds * 1e9))

    def reload(
        self,
        *,
        rules: Sequence[Rule],
        index: Index,
        disclosure: Disclosure,
        repeat: float,
        suppressions: Sequence[Suppression],
        report: bool,
    ) -> None:
        """Go on with other rules and another catalogue; findings of unchanged rules stay. A
        report that was not wanted before begins now.
        """
        before = self._detector
        self._rules, self._repeat = tuple(rules), max(1, int(repeat))
        self._detector = Detector(rules, repeat=self._repeat)
        self._detector.take_over(before)
        self.index, self.disclosure = index, disclosure
        self._suppressions = tuple(suppressions)
        if report and self._period is None:
            self._period = Summary(disclosure)
            self._began, self._before = self._now(), self.totals()
        elif not report:
            self._period = None

    @property
    def read(self) -> messages.Read:
        """The events whose content is read here; of others the kind is enough."""
        kinds, conditions = self._kinds, self._detector.conditions
        read = {
            tag: messages.Wanted(conditions[tag], self._detector.unread(kinds[tag]))
            for tag in conditions.keys() & kinds.keys()
        }
        whole = ENGINE_READ if self._period is None else ENGINE_READ | READ
        return read | dict.fromkeys(whole, messages.Wanted(("True",)))

    # -- figures -------------------------------------------------------------------------------

    def totals(self) -> Totals:
        """Return the figures of all parsers together."""
        out = Totals()
        for status in self._status.values():
            out.packets += status.packets
            out.octets += status.octets
            out.flows += status.flows
            out.live += status.live
            out.cpu += status.cpu
            out.memory += status.memory
            out.received += sum(packets for packets, _ in status.kernel.values())
            out.drops += sum(drops for _, drops in status.kernel.values())
        return out

    def kernel(self) -> dict[str, tuple[int, int]]:
        """Return packets received and dropped by interface."""
        out: dict[str, tuple[int, int]] = {}
        for status in self._status.values():
            for name, (packets, drops) in status.kernel.items():
                before = out.get(name, (0, 0))
                out[name] = before[0] + packets, before[1] + drops
        return out

    def counters(self) -> dict[str, int]:
        """Return everything that could not be seen, by name."""
        out: Counter[str] = Counter()
        for status in self._status.values():
            out.update(status.counters)
        out.update(self._detector.counters)
        lost = sum(drops for _, drops in self.kernel().values())
        if lost:
            out["packets dropped by the kernel"] = lost
        return dict(out)

    def talkers(self) -> Counter[tuple[str, str]]:
        """Return bytes by client and service, of flows that ended and that are under way."""
        out = Counter(self.talked)
        for status in self._status.values():
            for talker in status.talkers:
                out[talker.client, talker.service] += talker.octets
        return out

    # -- the report ----------------------------------------------------------------------------

    def document(self) -> Document:
        """Return what was seen since the start or since `turn`, as one document; only where a
        report is wanted.
        """
        assert self._period is not None
        now, began = self._totals_since(), rfc3339(self._began)
        found = self._detector.findings(_locate)
        found, hidden = self._kept(tuple(each for each in found if each.last_seen >= began))
        document = self._period.document(
            tool=f"backchannel {__version__}",
            inputs=[
                Input(
                    path=", ".join(sorted(self.kernel())) or "live",
                    packets=now.packets,
                    bytes=now.octets,
                    first_frame=1,
                )
            ],
            traffic=Traffic(
                packets=now.packets,
                bytes=now.octets,
                flows=now.flows,
                first_seen=began,
                last_seen=rfc3339(self._now()),
            ),
            findings=found,
            counters=self.counters(),
        )
        assessed = frozenset(rule.category for rule in self._rules)
        return msgspec.structs.replace(
            document,
            sessions=self._sessions(),
            suppressed=hidden,
            matrix=matrix.build(document, self.index, assessed),
            settings={
                "secrets shown": "yes" if self.disclosure.secrets else "no",
                "content shown": "yes" if self.disclosure.content else "no",
                "rules": str(len(self._rules)),
                "services in the catalogue": str(len(self.index.services)),
                "parsers": str(self._workers),
            },
        )

    def _sessions(self) -> tuple[Session, ...]:
        """Return the logins of all parsers, the earliest first."""
        told = (
            msgspec.structs.replace(
                row, flows=tuple(self._number(flow, number) for flow in row.flows)
            )
            for number, rows in self._logins.items()
            for row in rows
        )
        return tuple(sorted(told, key=lambda row: (row.first_seen, row.flows)))

    def turn(self) -> None:
        """Begin another period of reports."""
        assert self._period is not None
        self._period = self._period.next(self.disclosure)
        self._began, self._before = self._now(), self.totals()

    def _totals_since(self) -> Totals:
        now = self.totals()
        return Totals(
            packets=now.packets - self._before.packets,
            octets=now.octets - self._before.octets,
            flows=now.flows - self._before.flows,
        )

    @staticmethod
    def _now() -> int:
        return time_ns()


def _locate(_: int) -> tuple[str, int, int]:
    return "live", 1, sys.maxsize


def chosen(findings: Iterable[Finding], text: str) -> list[Finding]:
    """Return the findings that have *text* anywhere a person would look for it."""
    text = text.lower()
    return [
        each
        for each in findings
        if text in f"{each.severity} {each.service} {each.summary} {' '.join(each.hosts)}".lower()
    ]
