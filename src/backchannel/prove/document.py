"""A proof as a document: what its table, JSON, SARIF and page are made of.

The schema in `docs/schema/proof-1.json` is made of these types.
"""

from typing import Literal

import msgspec

VERSION = 1
Outcome = Literal["blocked", "leaks", "passes", "renewed", "untried"]
"""`leaks`: some of the capability's bytes came through before it was blocked. `renewed`: reset
where the guard met it on its way, as the policy wants it, and passed when it began anew."""
Kept = Literal["kept", "broken", "gap", "open"]
"""`gap`: less than the rule says, and its author accepted that (`best-effort`).
`open`: nothing was promised of it."""


class Cell(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One conversation by one method."""

    method: str
    outcome: Outcome
    kept: Kept
    why: str = ""
    """Why it was not tried."""
    told: int = 0
    """Bytes that carry the capability."""
    octets: int = 0
    """How many of them came through."""
    packets: int = 0
    """In so many packets."""
    before: int = 0
    """Other bytes of the conversation that came through (a sign-on, an invitation)."""
    ending: str = ""
    """How it was stopped: `silence`, `reset`, `refused`, `unreachable`, `unresolved`, `altered`."""
    rule: str = ""
    """The rule that stopped it, or the one that let most of it pass."""
    verdict: str = ""
    """What that rule did: `drop`, `accept`, `queue`."""
    hits: int = 0
    """So many packets of this conversation moved that rule's counter."""
    slower: float | None = None
    """Time under the ruleset by the time without it."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy promises of one capability to one group, and what came of it."""

    service: str
    capability: str
    action: str
    line: str
    place: str
    ours: str
    theirs: str
    way: str
    """How the capability travels: `direct oft` between peers, or a server's port."""
    source: str
    """The recording that was played."""
    cells: tuple[Cell, ...]


class Unproved(msgspec.Struct, frozen=True):
    """A promise that could not be tried."""

    service: str
    capability: str
    line: str
    why: str


class Ruleset(msgspec.Struct, frozen=True, kw_only=True):
    """What stood in the router."""

    name: str
    kind: str
    sha256: str = ""


class Counter(msgspec.Struct, frozen=True):
    """A rule's own counter, and how many packets the kernel's trace saw at that rule."""

    rule: str
    packets: int
    traced: int


class Method(msgspec.Struct, frozen=True):
    """A column."""

    id: str
    title: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The whole proof."""

    version: int = VERSION
    tool: str
    policy: str
    policy_sha256: str
    ruleset: Ruleset
    kernel: str
    plays: int
    seconds: float
    methods: tuple[Method, ...]
    rows: tuple[Row, ...]
    unproved: tuple[Unproved, ...]
    counters: tuple[Counter, ...]
    trace_overflows: int = 0
    """Greater than 0: rules may be missing from cells; outcomes do not depend on the trace."""
    remarks: tuple[str, ...] = ()
    """What the guard said while it was proved, such as that it could not judge for a while."""

    def count(self, kept: Kept) -> int:
        """Return how many cells are `kept`, `broken`, a `gap` or `open`."""
        return sum(cell.kept == kept for row in self.rows for cell in row.cells)


class Proofs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is written with `--json`: one proof, or two rulesets side by side."""

    proof: Proof
    against: Proof | None = None
