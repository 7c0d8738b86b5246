"""One finding under way: what rules matched becomes evidence within bounds, then a `Finding`."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from backchannel.detect.limits import ALIKE, EVIDENCE, EXCERPT, HOSTS, LOOKED_AT
from backchannel.detect.model import Evidence, Finding, Rule
from backchannel.engine.observation import FlowInfo
from backchannel.flows.community import flow_id
from backchannel.hashes import sha256
from backchannel.model import Confidence
from backchannel.text import endpoint, escape
from backchannel.when import rfc3339

_LEAST = Confidence.PORT
_WORDS: dict[Confidence, Any] = {each: each.word for each in Confidence}
_OF_RULE = attrgetter(
    "id",
    "title",
    "category",
    "severity",
    "rationale",
    "false_positives",
    "disproof",
    "countermeasure",
    "attack",
    "references",
)
"""What a finding tells of its rule."""

_FRAME = attrgetter("frame")

Locate = Callable[[int], tuple[str, int, int]]
"""Gives the file of a frame, the first frame of that file, and the first one after it."""


class Place:
    """Where a match was seen, as evidence that is not yet written."""

    __slots__ = "excerpt", "flow", "frame", "stack", "time"

    def __init__(self, time: int, frame: int, flow: FlowInfo, stack: str, excerpt: str) -> None:
        self.time, self.frame, self.flow = time, frame, flow
        self.stack, self.excerpt = stack, excerpt


class Found:
    """One finding under way."""

    __slots__ = (
        "_alike",
        "accounts",
        "capability",
        "confidence",
        "count",
        "first",
        "flow",
        "hosts",
        "last",
        "places",
        "service",
        "subject",
        "summary",
        "told",
    )

    def __init__(
        self, service: str, capability: str, summary: str, subject: tuple[str, ...], first: int
    ) -> None:
        self.service, self.capability = service, capability
        self.confidence = _LEAST
        self.summary, self.subject = summary, subject
        self.hosts: dict[str, None] = {}
        self.accounts: dict[str, None] = {}
        self.flow: FlowInfo | None = None
        self._alike = 0
        self.count = 0
        self.first = self.last = first
        self.places: list[Place] = []
        """Evidence."""
        self.told = -1
        """When it was last given out by `Detector.fresh`; -1: never."""

    def add(
        self,
        time: int,
        confidence: Confidence,
        flow: FlowInfo,
        accounts: tuple[str, ...],
        hosts: tuple[str, ...] = (),
    ) -> bool:
        """Take a match; return whether it can be evidence. *hosts* stand for those of the flow
        where they are told under other names; some *accounts* may be empty.
        """
        self.count += 1
        if time < self.first:
            self.first = time
        elif time > self.last:
            self.last = time
        if confidence is not self.confidence and confidence > self.confidence:
            self.confidence = confidence
        if self.flow is not flow:  # which nearly always is that of the last match
            self.flow, self._alike = flow, 0
            if len(self.hosts) < HOSTS:
                _keep(self.hosts, hosts or (flow.client.address, flow.server.address))
        for account in accounts:
            if account and account not in self.accounts:
                _keep(self.accounts, [account])
        return len(self.places) < EVIDENCE and self.count <= LOOKED_AT and self._alike < ALIKE

    def shown(self, flow: FlowInfo, excerpt: str) -> bool:
        """Say whether a place on that flow shows the same already."""
        for place in self.places:
            if place.excerpt == excerpt and place.flow == flow:
                self._alike += 1
                return True
        return False

    def finding(self, rule: Rule, writer: "Writer") -> Finding:
        """Return it as it stands."""
        name, title, category, severity, why, doubts, disproof, cure, attack, references = (
            writer.of_rule(rule)
        )
        subject = (name,) + self.subject  # noqa: RUF005 - a list would be made between
        digest = sha256("\0".join(subject).encode("utf-8", "replace"))
        first = rfc3339(self.first)
        return Finding(
            id=digest[:8].hex(),
            rule=name,
            title=title,
            category=category,
            severity=severity,
            confidence=_WORDS[self.confidence],
            service=self.service,
            capability=self.capability,
            hosts=tuple(self.hosts),
            accounts=tuple(self.accounts),
            summary=self.summary,
            count=self.count,
            first_seen=first,
            last_seen=first if self.last == self.first else rfc3339(self.last),
            evidence=writer.evidence(self.places),
            rationale=why,
            false_positives=doubts,
            disproof=disproof,
            countermeasure=cure,
            attack=attack,
            references=references,
        )


def brief(text: str) -> str:
    """Return as much of a text as an excerpt may have."""
    return text[:EXCERPT] if len(text) > EXCERPT else text


def _keep(names: dict[str, None], more: Iterable[str]) -> None:
    """Add names, as long as there is room."""
    for name in more:
        if name and len(names) < HOSTS:
            names[name] = None


class Writer:
    """Writes many findings: they share rules and flows, and most share a file."""

    __slots__ = "_end", "_first", "_flows", "_locate", "_of_rule", "_path", "_rule"

    def __init__(self, locate: Locate) -> None:
        self._locate = locate
        self._path, self._first, self._end = "", 0, 0
        """The file of the last frame, its first frame and the first one after it."""
        self._flows: dict[int, tuple[FlowInfo, str, str, str]] = {}
        """By identity, which takes less to look up than all that makes a flow."""
        self._rule: Rule | None = None
        self._of_rule: tuple[Any, ...] = ()

    def of_rule(self, rule: Rule) -> tuple[Any, ...]:
        """Return what a finding tells of its rule, in the order of `_OF_RULE`."""
        if self._rule is not rule:
            self._rule, self._of_rule = rule, _OF_RULE(rule)
        return self._of_rule

    def evidence(self, places: Sequence[Place]) -> tuple[Evidence, ...]:
        """Return what there is to say of each place, in the order of their frames: what is known
        only at the end of a flow was seen before.
        """
        told: list[Evidence] = []
        for place in sorted(places, key=_FRAME) if len(places) > 1 else places:
            frame = place.frame
            if not self._first <= frame < self._end:
                self._path, self._first, self._end = self._locate(frame)
            _, community_id, client, server = self._flow(place.flow)
            told.append(
                Evidence(  # in the order of the fields: words for them would take as long again
                    frame,
                    self._path,
                    frame - self._first + 1,
                    "",
                    rfc3339(place.time),
                    place.flow.serial,
                    community_id,
                    client,
                    server,
                    place.flow.transport,
                    place.stack,
                    brief(escape(place.excerpt)),
                )
            )
        return tuple(told)

    def _flow(self, flow: FlowInfo) -> tuple[FlowInfo, str, str, str]:
        """Return a flow with what it is called."""
        known = self._flows.get(id(flow))
        if known is None:
            number, client, server = flow.number, flow.client, flow.server
            named = flow_id(number, client, server, flow.types) if number is not None else ""
            one, other = (
                endpoint(client.address, client.port),
                endpoint(server.address, server.port),
            )
            known = flow, named, one, other
            self._flows[id(flow)] = known  # and as it is kept, nothing else gets its identity
        return known
