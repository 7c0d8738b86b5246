"""What the guard did, or would have done: one line of JSON each, and the counters of reasons."""

from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import Literal

import msgspec

from backchannel.engine.stream import Stream
from backchannel.flows.row import FlowRow
from backchannel.model import Capability, Confidence
from backchannel.policy.model import Line
from backchannel.when import rfc3339

Action = Literal["observed", "alerted", "reset", "dropped", "declined", "spared", "unanswered"]
"""`observed`: would have been refused; `spared`: would have been, but for the never-block list;
`unanswered`: is refused, but its ends could not be told (beside the wire only)."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One use of a service that the policy refuses, or wants to be told of."""

    time: str
    action: Action
    line: str
    """The policy's line."""
    place: str
    """Where it is written: `policy.yaml:12`."""
    service: str
    capability: str
    """What was used; empty for the service as a whole."""
    stack: str
    """The protocols, outermost first."""
    confidence: str
    evidence: str
    """What in the traffic showed it."""
    client: str
    server: str
    transport: str
    target: str = ""
    """Where a stream inside a proxy leads."""
    account: str = ""
    community_id: str = ""
    flow: int = 0
    packets: int = 0
    """Packets of the flow that came to us up to then."""

    @property
    def id(self) -> str:
        """The same for the same refusal wherever it is told, and for no other."""
        parts = (self.time, self.action, self.line, self.service, self.capability)
        ends = (self.client, self.server, self.community_id, str(self.flow))
        return sha256("\0".join(parts + ends).encode()).hexdigest()[:16]


class Case(msgspec.Struct, frozen=True):
    """One use of a service, as it is judged."""

    service: str
    capability: Capability | None
    """None: the service as a whole."""
    stack: str
    why: str
    stream: Stream | None = None
    """Where it was seen; None for a flow that was judged before its first byte."""
    confidence: Confidence = Confidence.EXPECTED
    """Where there is no stream."""
    target: str = ""
    account: str = ""

    @property
    def stands(self) -> bool:
        """Whether the stream still is what it was then."""
        return self.stream is None or self.stream.stack == self.stack

    def alone(self) -> "Case":
        """Return it without its stream, which holds much."""
        stream = self.stream
        if stream is None:
            return self
        group = stream.group
        return Case(
            self.service,
            self.capability,
            self.stack,
            self.why,
            confidence=stream.confidence,
            target=str(stream.target or ""),
            account=stream.account or (group.account if group else ""),
        )


class Book:
    """Takes what was done: counts it by reason, and hands it on."""

    def __init__(self, tell: Callable[[Refusal], object] = lambda _: None) -> None:
        self._tell = tell
        self.reasons: Counter[tuple[str, str, str, str]] = Counter()
        """By (action, line, service, capability)."""
        self.counters: Counter[str] = Counter()
        """Everything else that happened to packets, by name."""

    def tell(self, row: FlowRow, line: Line, case: Case, action: Action, now: int) -> None:
        """Count and tell one thing that was done to the flow of *row* at *now* (ns)."""
        capability = str(case.capability or "")
        self.reasons[action, line.name, case.service, capability] += 1
        told = case.alone()
        self._tell(
            Refusal(
                time=rfc3339(now),
                action=action,
                line=line.name,
                place=line.place,
                service=told.service,
                capability=capability,
                stack=told.stack,
                confidence=told.confidence.word,
                evidence=told.why,
                client=str(row.client),
                server=str(row.server),
                transport=row.transport,
                target=told.target,
                account=told.account,
                community_id=row.community_id,
                flow=row.serial,
                packets=sum(row.packets),
            )
        )

    def count(self, what: str, number: int = 1) -> None:
        """Count something by name."""
        self.counters[what] += number
