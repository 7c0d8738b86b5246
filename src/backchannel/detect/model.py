"""Rules and findings, as types. A rule is one YAML file; a finding is what it found."""

from typing import Annotated, Literal, TypeAlias

import msgspec

from backchannel.catalogue.risks import RiskId
from backchannel.grades import Severity

ATTACK_VERSION = "19.2"
"""Version of MITRE ATT&CK whose technique ids the rules use."""
SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")


LONGEST = 1_000_000_000
"""Seconds that a rule may wait, some thirty years: in nanoseconds they fit into 63 bits."""
MOST = 10_000
"""Matches that a rule may wait for; all but the last are held."""
Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=LONGEST)]


class Count(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When one match is not enough."""

    at_least: Annotated[int, msgspec.Meta(ge=1, le=MOST)]
    distinct: str = ""
    """Expression whose different values are counted; empty: matches are."""
    within: Seconds = 0
    """Seconds that the matches may lie apart; 0: any time."""
    apart: Seconds = 0
    """Seconds that must lie between a match and the one before; a faster one begins anew."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is looked for, why it matters, and what would show it wrong."""

    id: str
    """Also the file's name; one of ours is replaced."""
    title: str
    category: RiskId
    """The column of the threat matrix."""
    severity: Severity
    events: tuple[str, ...]
    """Tags of the events it looks at; `stream` for a stream that ended."""
    when: str = "True"
    """Expression over the event's fields and the names in docs/rules.md."""
    each: tuple[str, ...] = ("service", "client")
    """Expressions; one finding for each combination of their values."""
    count: Count | None = None
    """How many matches it takes; empty: one."""
    summary: str
    """Text with {names} of the same kind; private matter never stands in it. Of names side by side,
    as in {owner}{sender}, the first that has a value is told."""
    excerpt: str = ""
    """Expression for the redacted excerpt of the evidence; empty: the event's tag."""
    rationale: str
    """Why it matters."""
    false_positives: str
    """What is harmless and looks the same."""
    disproof: str
    """What would show a finding wrong."""
    countermeasure: str
    """What to do."""
    attack: tuple[str, ...] = ()
    """Ids of MITRE ATT&CK's techniques."""
    references: tuple[str, ...] = ()
    """Where it is described."""


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """Where it was seen."""

    frame: int
    """Over all inputs of the run."""
    path: str
    path_frame: int
    """Number of the frame in that file."""
    sha256: str
    """Of the file; empty until a report is made."""
    time: str
    flow: int
    community_id: str
    client: str
    server: str
    transport: str
    """What carries the flow: `tcp`, `udp`, or `ip` for protocols directly over IP."""
    stack: str
    excerpt: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that somebody should know of."""

    id: str
    """The same for the same thing in the same capture: a digest of rule and subject."""
    rule: str
    title: str
    category: RiskId
    severity: Severity
    confidence: Literal["port", "name", "expected", "signature", "parsed"]
    service: str
    capability: str
    hosts: tuple[str, ...]
    accounts: tuple[str, ...]
    summary: str
    count: int
    first_seen: str
    last_seen: str
    evidence: tuple[Evidence, ...]
    rationale: str
    false_positives: str
    disproof: str
    countermeasure: str
    attack: tuple[str, ...]
    references: tuple[str, ...]
