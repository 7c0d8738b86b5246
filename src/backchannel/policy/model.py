"""What a policy means once every name in it is resolved: what compilers, proofs and guards read.

`resolve` makes it from a document. Nothing here depends on a firewall's language.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal

import msgspec

from backchannel.grades import Mode
from backchannel.model import Capability
from backchannel.policy.document import WEEK, Action, Day, Direction, Existing, Failure, Refusal
from backchannel.policy.spans import Spans

Address = IPv4Address | IPv6Address
Carrier = Literal["tcp", "udp", "esp", "ah"]


class Networks(msgspec.Struct, frozen=True):
    """A set of addresses: sorted, none inside another. `any` is every address of both versions."""

    v4: tuple[IPv4Network, ...] = ()
    v6: tuple[IPv6Network, ...] = ()
    any: bool = False

    def __bool__(self) -> bool:
        return self.any or bool(self.v4 or self.v6)

    def __contains__(self, address: Address | None) -> bool:
        """Say whether an address is one of them; None, one that is not known, only among all."""
        if self.any or address is None:
            return self.any
        nets: Sequence[IPv4Network | IPv6Network] = self.v4 if address.version == 4 else self.v6
        place = bisect_right(nets, int(address), key=_first)
        return bool(place) and address in nets[place - 1]


def _first(net: IPv4Network | IPv6Network) -> int:
    return int(net.network_address)


class Party(msgspec.Struct, frozen=True):
    """One side of a rule: addresses, interfaces, or both (then both must fit)."""

    label: str
    """As the author named it: `staff`, `any`, `help-desk, 10.1.2.3`."""
    networks: Networks = Networks(any=True)
    interfaces: tuple[str, ...] = ()

    @property
    def everyone(self) -> bool:
        """Whether it leaves nobody out."""
        return self.networks.any and not self.interfaces

    def includes(self, address: Address | None, interface: str) -> bool:
        """Say whether it is whoever has an *address* and is reached by an *interface*; for either,
        None or nothing where it is not known.
        """
        there = not self.interfaces or interface in self.interfaces
        return there and address in self.networks


class Ports(msgspec.Struct, frozen=True, order=True):
    """Destination ports of whoever opens, from *low* to *high*; 0 for protocols without ports."""

    carrier: Carrier
    low: int = 0
    high: int = 0

    @property
    def spans(self) -> Spans:
        """The same as a set of numbers; none for protocols without ports."""
        return ((self.low, self.high),) if self.carrier in ("tcp", "udp") else ()

    def meet(self, other: "Ports") -> bool:
        """Say whether a flow can be at both."""
        return self.carrier == other.carrier and self.low <= other.high and other.low <= self.high

    def __str__(self) -> str:
        if self.carrier in ("esp", "ah"):
            return self.carrier
        return f"{self.carrier}/{self.low}" + (f"-{self.high}" if self.high > self.low else "")


class Use(msgspec.Struct, frozen=True):
    """One thing people do with one service, and where a packet filter could meet it."""

    service: str
    capability: Capability
    ports: tuple[Ports, ...] = ()
    """Where it is by default, or where the rule says it is on this network. Sorted, not merged."""
    dynamic: tuple[Carrier, ...] = ()
    """Carriers on which it also uses ports that nobody can know beforehand."""
    changeable: bool = False
    """Whether the user can move it to another port."""
    stated: bool = False
    """Whether the rule itself says the ports, so that they are its own and nobody else's."""
    direct: bool = False
    """Whether peers connect to each other, so that either side may open."""
    names: tuple[str, ...] = ()
    """Host names of the service; `*` stands for any labels."""
    protocols: tuple[str, ...] = ()
    """Decoders of ours that know the service by its content."""

    def __str__(self) -> str:
        return f"{self.service} {self.capability}"


class Hours(msgspec.Struct, frozen=True):
    """When a line holds: minutes of the firewall's day; `end` before `start` is on the next day."""

    days: tuple[Day, ...]
    """Empty: every day."""
    start: int
    end: int

    def hold(self, weekday: int, minute: int) -> bool:
        """Say whether they hold in a *minute* of the day on a *weekday* (Monday: 0)."""
        if self.start < self.end:
            return self._on(weekday) and self.start <= minute < self.end
        late = self._on(weekday) and minute >= self.start
        return late or (self._on(weekday - 1) and minute < self.end)

    def _on(self, weekday: int) -> bool:
        return not self.days or WEEK[weekday] in self.days


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One rule, or one exemption, in the order in which they are tried."""

    name: str
    """Unique; letters, digits and dashes, at most 48, so that every firewall can carry it."""
    place: str
    """`policy.yaml:12`, for comments and messages."""
    action: Action
    uses: tuple[Use, ...]
    ours: Party
    theirs: Party
    direction: Direction = "both"
    hours: Hours | None = None
    best_effort: bool = False
    refuse: Refusal = "reset"
    mode: Mode = "drop"
    on_failure: Failure = "open"
    existing: Existing = "judge"
    reason: str = ""
    owner: str = ""
    expires: str = ""
    exempts: str = ""
    """Name of the line that this one makes an exemption from."""

    def openings(self) -> Iterator[tuple[Party, Party]]:
        """Yield (who opens, who is called) for each way a flow of this line may begin."""
        if self.direction != "in":
            yield self.ours, self.theirs
        if self.direction != "out" and self.ours != self.theirs:
            yield self.theirs, self.ours


class Lifeline(msgspec.Struct, frozen=True):
    """A connection that is never cut off."""

    place: str
    client: Party
    server: Party
    ports: Ports


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """A resolved policy."""

    name: str
    path: str
    digest: str
    """SHA-256 of the policy file and the files it names: texts say what they were made of."""
    lines: tuple[Line, ...]
    default: Literal["allow", "deny"]
    mode: Mode = "drop"
    refuse: Refusal = "reset"
    """What the guard does where the default is what refuses."""
    lifelines: tuple[Lifeline, ...] = ()
    never_block: Networks = Networks()
    today: str = ""
    """The day for which expiry was decided."""
    expired: tuple[str, ...] = ()
    """Names of rules and exemptions that are left out because their day has passed."""
    unused: tuple[str, ...] = ()
    """Groups and zones that nothing names."""
    known: tuple[Use, ...] = ()
    """Every use of every service, also those that no line speaks of: what a filter would refuse
    with a port or a signature, although the default lets it pass."""
