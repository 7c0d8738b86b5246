"""One finding under way: what rules matched becomes evidence within bounds, then a `Finding`."""

import hashlib
from collections.abc import Callable, Iterable

import msgspec

from backchannel.detect.model import Evidence, Finding, Rule
from backchannel.engine.observation import FlowInfo
from backchannel.model import Confidence
from backchannel.when import rfc3339

EVIDENCE = 8
"""Places kept for one finding: the first ones."""
HOSTS = 64
"""Hosts of one finding, and accounts."""
ACCOUNTS = "account", "sender", "recipient", "owner"
"""Names that can hold an account."""

_SHA256 = hashlib.sha256()

Locate = Callable[[int], tuple[str, int]]
"""Gives the file of a frame, and the frame's number in it."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a match was seen, as evidence that is not yet written."""

    time: int
    frame: int
    flow: FlowInfo
    stack: str
    excerpt: str


class Found:
    """One finding under way."""

    __slots__ = (
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
        self.confidence = Confidence.PORT
        self.summary, self.subject = summary, subject
        self.hosts: dict[str, None] = {}
        self.accounts: dict[str, None] = {}
        self.flow: FlowInfo | None = None
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
        if self.flow is not flow and len(self.hosts) < HOSTS:
            self.flow = flow  # which nearly always is that of the last match
            _keep(self.hosts, hosts or (flow.client.address, flow.server.address))
        for account in accounts:
            if account and account not in self.accounts:
                _keep(self.accounts, [account])
        return len(self.places) < EVIDENCE

    def finding(self, rule: Rule, locate: Locate) -> Finding:
        """Return it as it stands; *locate* gives file and frame in it of a frame."""
        digest = _SHA256.copy()  # which takes half as long as making a new one
        digest.update("\0".join((rule.id, *self.subject)).encode("utf-8", "replace"))
        return Finding(
            id=digest.hexdigest()[:16],
            rule=rule.id,
            title=rule.title,
            category=rule.category,
            severity=rule.severity,
            confidence=self.confidence.word,  # type: ignore[arg-type]
            service=self.service,
            capability=self.capability,
            hosts=tuple(self.hosts),
            accounts=tuple(self.accounts),
            summary=self.summary,
            count=self.count,
            first_seen=rfc3339(self.first),
            last_seen=rfc3339(self.last),
            evidence=_evidence(self.places, locate),
            rationale=rule.rationale,
            false_positives=rule.false_positives,
            disproof=rule.disproof,
            countermeasure=rule.countermeasure,
            attack=rule.attack,
            references=rule.references,
        )


def _keep(names: dict[str, None], more: Iterable[str]) -> None:
    """Add names, as long as there is room."""
    for name in more:
        if name and len(names) < HOSTS:
            names[name] = None


def _evidence(places: Iterable[Place], locate: Locate) -> tuple[Evidence, ...]:
    told: list[Evidence] = []
    flow, community_id, client, server = None, "", "", ""
    for place in places:
        if flow is not place.flow:  # which nearly always is that of the last place
            flow = place.flow
            community_id = flow.community_id
            client, server = str(flow.client), str(flow.server)
        path, frame = locate(place.frame)
        told.append(
            Evidence(
                frame=place.frame,
                path=path,
                path_frame=frame,
                time=rfc3339(place.time),
                flow=flow.serial,
                community_id=community_id,
                client=client,
                server=server,
                stack=place.stack,
                excerpt=place.excerpt,
            )
        )
    return tuple(told)
