"""What the policy says of one use of one service between two hosts. No packets here."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

import msgspec

from backchannel.catalogue.model import Service
from backchannel.grades import Mode
from backchannel.model import Capability
from backchannel.policy.model import Address, Hours, Line, Party, Rules

MODES: tuple[Mode, ...] = ("observe", "alert", "reset", "drop")
"""From the mildest to the strictest."""
MILD: frozenset[Mode] = frozenset({"observe", "alert"})
"""Modes that refuse nothing: packets pass as if nobody were there."""
MILDNESS = "refuses nothing: no rule denies, or none goes further than observe or alert"
"""What is said where a `Law` is mild."""
DEFAULT = "default"
"""Name of what decides where no line does."""
REMEMBERED = 16_384
"""Pairs of hosts whose decisions are remembered."""


class Ends(msgspec.Struct, frozen=True):
    """The two ends of a connection, and by which interface each is reached (empty: not known)."""

    client: str
    server: str
    client_interface: str = ""
    server_interface: str = ""


class Decision(msgspec.Struct, frozen=True):
    """What the policy says of one service between two ends."""

    refused: dict[Capability, Line]
    """What may not be used, and the line that says so."""
    alerted: dict[Capability, tuple[Line, ...]]
    """What is to be told of."""
    all: Line | None
    """A line that refuses, where everything that the service can do is refused."""

    @property
    def concerns(self) -> bool:
        """Whether anything of the service is refused or told of."""
        return bool(self.refused or self.alerted)


def bounded(rules: Rules, limit: Mode | None) -> Rules:
    """Return *rules* as they are enforced by who goes no further than *limit*.

    A line that refuses nothing holds nothing up when the guard is gone, and cuts nothing that stood
    before it.
    """

    def bound(line: Line) -> Line:
        mode = milder(line.mode, limit)
        if mode not in MILD:
            return line
        return msgspec.structs.replace(line, mode=mode, on_failure="open", existing="judge")

    return msgspec.structs.replace(
        rules, lines=tuple(map(bound, rules.lines)), mode=milder(rules.mode, limit)
    )


def milder(mode: Mode, limit: Mode | None) -> Mode:
    """Return *mode*, or *limit* where that goes less far."""
    return mode if limit is None else min(mode, limit, key=MODES.index)


class Law:
    """The policy, asked by service and ends. `now` moves the clock of rules with hours."""

    def __init__(
        self, rules: Rules, services: Mapping[str, Service], limit: Mode | None = None
    ) -> None:
        """*limit*: go no further than this mode, whatever the policy says."""
        self.rules, self._limit = rules, limit
        self._abilities = {
            name: frozenset(each.capability for each in service.capabilities)
            for name, service in services.items()
        }
        self._speakers: dict[str, tuple[str, ...]] = {}
        for name, service in services.items():
            for protocol in service.protocols:
                self._speakers[protocol] = (*self._speakers.get(protocol, ()), name)
        self._timed = any(line.hours for line in rules.lines)
        self._minute = (0, 0)
        self.default = Line(
            name=DEFAULT,
            place=rules.path,
            action="deny",
            uses=(),
            ours=_ANYONE,
            theirs=_ANYONE,
            mode=rules.mode,
            refuse=rules.refuse,
        )
        self.mild = not any(self._strict())
        """Nothing is refused of anybody, whatever it shows."""
        self.decide = lru_cache(maxsize=REMEMBERED)(self._decide)

    def now(self, weekday: int, minute: int) -> bool:
        """It is *minute* (of the day) on *weekday* (Monday: 0), by the firewall's clock.

        Return whether the hours of a line have begun or ended by that.
        """
        if not self._timed or (weekday, minute) == self._minute:
            return False
        before = self._in_force()
        self._minute = weekday, minute
        if self._in_force() == before:
            return False
        self.decide.cache_clear()
        return True

    def _in_force(self) -> list[bool]:
        return [self._holds(line.hours) for line in self.rules.lines]

    def speakers(self, protocol: str, service: str) -> tuple[str, ...]:
        """Return the services that a stream of *protocol* may belong to; *service* where known."""
        return (service,) if service else self._speakers.get(protocol, ())

    def family(self, protocol: str, service: str) -> tuple[str, ...]:
        """Return all services that *protocol* may yet turn out to serve."""
        return tuple(dict.fromkeys((*self._speakers.get(protocol, ()), *filter(None, [service]))))

    def mode(self, line: Line) -> Mode:
        """Return how far to go for *line*."""
        return milder(line.mode, self._limit)

    def spared(self, ends: Ends) -> bool:
        """Say whether nothing between these ends may be refused."""
        never = self.rules.never_block
        return _address(ends.client) in never or _address(ends.server) in never

    def lifeline(self, ends: Ends, carrier: str, port: int) -> bool:
        """Say whether a connection to *port* between these ends must never be cut."""
        return any(
            line.ports.carrier == carrier
            and (not line.ports.low or line.ports.low <= port <= line.ports.high)
            and _are(line.client, line.server, ends)
            for line in self.rules.lifelines
        )

    def may_have_spared(self, one: str, other: str) -> bool:
        """Say whether some connection between these addresses is never cut, by whatever port or
        interface.
        """
        if self.spared(Ends(one, other)):
            return True
        pairs = [(_address(a), _address(b)) for a, b in ((one, other), (other, one))]
        return any(
            client in line.client.networks and server in line.server.networks
            for line in self.rules.lifelines
            for client, server in pairs
        )

    def renews(self, ends: Ends) -> Line | None:
        """Return the first line between these ends that wants connections whose beginning nobody
        saw to begin anew.
        """
        for line in self.rules.lines:
            if line.action == "deny" and line.existing == "reset" and _between(line, ends):
                return line
        return None

    @property
    def strict(self) -> bool:
        """Whether there is any such line."""
        return any(line.action == "deny" and line.existing == "reset" for line in self.rules.lines)

    def refusable(self) -> frozenset[str]:
        """Return the protocols of which anything may be refused, whoever speaks them."""
        strict = list(self._strict())
        if self.default in strict:
            return frozenset(self._speakers)
        refused = {use.service for line in strict for use in line.uses}
        return frozenset(
            protocol for protocol, speakers in self._speakers.items() if refused & set(speakers)
        )

    def refuses(self, services: Iterable[str], ends: Ends) -> bool:
        """Say whether anything of *services* is refused between *ends*, and not only reported."""
        return any(
            self.mode(line) not in MILD
            for service in services
            for line in self.decide(service, ends).refused.values()
        )

    def _strict(self) -> Iterator[Line]:
        """Yield what refuses, lines and default, where it is not only reported."""
        last = (self.default,) if self.rules.default == "deny" else ()
        for line in (*self.rules.lines, *last):
            if line.action == "deny" and self.mode(line) not in MILD:
                yield line

    def _decide(self, service: str, ends: Ends) -> Decision:
        refused: dict[Capability, Line] = {}
        alerted: dict[Capability, tuple[Line, ...]] = {}
        abilities = self._abilities.get(service, frozenset())
        open_ = set(abilities)
        for line in self.rules.lines:
            found = {use.capability for use in line.uses if use.service == service}
            if not found or not self._holds(line.hours) or not _between(line, ends):
                continue
            for capability in found & open_:
                if line.action == "alert":
                    alerted[capability] = (*alerted.get(capability, ()), line)
                    continue
                open_.discard(capability)
                if line.action == "deny":
                    refused[capability] = line
        if self.rules.default == "deny":
            refused.update(dict.fromkeys(open_, self.default))
        whole = bool(abilities) and set(refused) >= abilities
        return Decision(refused, alerted, next(iter(refused.values())) if whole else None)

    def _holds(self, hours: Hours | None) -> bool:
        return hours is None or hours.hold(*self._minute)


_ANYONE = Party("any")


def _between(line: Line, ends: Ends) -> bool:
    return any(_are(opens, called, ends) for opens, called in line.openings())


def _are(client: Party, server: Party, ends: Ends) -> bool:
    """Say whether these are the *ends* of a connection."""
    opens = client.includes(_address(ends.client), ends.client_interface)
    return opens and server.includes(_address(ends.server), ends.server_interface)


@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped
    return found
