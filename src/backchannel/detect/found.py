"""One finding under way: what rules matched becomes evidence within bounds, then a `Finding`."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

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

Locate = Callable[[int], tuple[str, int]]
"""Gives the file of a frame, and the frame's number in it."""


class Place:
    """Where a match was seen, before it is known whether it becomes evidence."""

    __slots__ = ("excerpt", "flow", "frame", "stack", "time")

    def __init__(self, time: int, frame: int, flow: FlowInfo, stack: str, excerpt: str) -> None:
        self.time, self.frame, self.flow, self.stack = time, frame, flow, stack
        self.excerpt = excerpt


class Match(NamedTuple):
    """An event, or a stream that ended, of which a rule's condition holds."""

    place: Place
    names: Mapping[str, Any]
    """What it tells, by name, as far as it may be shown."""
    confidence: Confidence
    hosts: Sequence[str]
    accounts: Sequence[str]
    """Some of them may be empty."""


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

    def __init__(self, names: Mapping[str, Any], summary: str, subject: tuple[str, ...]) -> None:
        self.service, self.capability = str(names["service"]), str(names["capability"])
        self.confidence = Confidence.PORT
        self.summary, self.subject = summary, subject
        self.hosts: dict[str, None] = {}
        self.accounts: dict[str, None] = {}
        self.flow: FlowInfo | None = None
        self.count = 0
        self.first = self.last = 0
        self.places: list[Place] = []
        self.told = -1
        """When it was last given out by `Detector.fresh`; -1: never."""

    def add(self, match: Match) -> None:
        """Take a match."""
        place = match.place
        if not self.count:
            self.first = place.time
        self._again(place.time, match.confidence)
        if self.flow is not place.flow and len(self.hosts) < HOSTS:
            self.flow = place.flow  # which nearly always is that of the last match
            for host in match.hosts:
                if host and len(self.hosts) < HOSTS:
                    self.hosts[host] = None
        if len(self.accounts) < HOSTS:
            for account in match.accounts:
                if account and len(self.accounts) < HOSTS:
                    self.accounts[account] = None
        if len(self.places) < EVIDENCE:
            self.places.append(place)

    def repeat(
        self, time: int, flow: FlowInfo, confidence: Confidence, accounts: Iterable[str]
    ) -> bool:
        """Take a match of which nothing is new but that it happened again: most of them.

        False, and nothing is taken, where it may bring evidence, a host or an account.
        """
        if len(self.places) < EVIDENCE:
            return False
        if self.flow is not flow and len(self.hosts) < HOSTS:
            if flow.client.address not in self.hosts or flow.server.address not in self.hosts:
                return False
            self.flow = flow
        if len(self.accounts) < HOSTS:
            for account in accounts:
                if account and account not in self.accounts:
                    return False
        self._again(time, confidence)
        return True

    def _again(self, time: int, confidence: Confidence) -> None:
        self.count += 1
        self.first = min(self.first, time)
        if time > self.last:  # noqa: PLR1730 - for each match, and `max` takes longer
            self.last = time
        self.confidence = max(self.confidence, confidence)

    def finding(self, rule: Rule, locate: Locate) -> Finding:
        """Return it as it stands; *locate* gives file and frame in it of a frame."""
        told = "\0".join((rule.id, *self.subject))
        return Finding(
            id=hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16],
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
            evidence=tuple(_evidence(place, locate) for place in self.places),
            rationale=rule.rationale,
            false_positives=rule.false_positives,
            disproof=rule.disproof,
            countermeasure=rule.countermeasure,
            attack=rule.attack,
            references=rule.references,
        )


def _evidence(place: Place, locate: Locate) -> Evidence:
    path, frame = locate(place.frame)
    return Evidence(
        frame=place.frame,
        path=path,
        path_frame=frame,
        time=rfc3339(place.time),
        flow=place.flow.serial,
        community_id=place.flow.community_id,
        client=str(place.flow.client),
        server=str(place.flow.server),
        stack=place.stack,
        excerpt=place.excerpt,
    )
