"""What a filter of addresses and ports makes of a policy, whichever firewall it is.

Lines are tried in order and the first that fits a flow decides it. Such a filter sees ports, not
services, so a `deny` gives way: it leaves open each port that the policy, for the same parties,
lets another service or another use of the same service have, and the ports of the web and of DNS
where it means everybody. What a `deny` leaves open is a gap of that `deny`; an `allow` is whole
on every port that is known.
"""

from collections.abc import Iterator

import msgspec

from backchannel.model import Capability
from backchannel.policy.backends._signatures import signatures
from backchannel.policy.model import Carrier, Line, Party, Ports, Rules, Use
from backchannel.policy.parties import Parties
from backchannel.policy.spans import Spans, merged

WIDE = 32_768
"""A range of this many ports says that the port is free, not where the service is."""
WEB = (
    Ports("tcp", 53, 53),
    Ports("udp", 53, 53),
    Ports("tcp", 80, 80),
    Ports("tcp", 443, 443),
    Ports("udp", 443, 443),
)
"""Closed to everybody, these would cut off the web or the names of all hosts."""
EPHEMERAL = 32_768
"""From here on a port is more likely a client's; such source ports tell nothing of a server."""
Key = tuple[str, str]


class Entry(msgspec.Struct, frozen=True):
    """One line for one way of opening on one carrier: what a filter can write down."""

    number: int
    """Place of the line in the policy, from 0."""
    line: Line
    opener: Party
    called: Party
    carrier: Carrier
    ports: Spans
    """None for carriers without ports."""


class Standing(msgspec.Struct, frozen=True):
    """What a filter can do about one use of one line."""

    met: tuple[Ports, ...]
    """Ports at which the line acts."""
    shared: tuple[tuple[Ports, str], ...] = ()
    """Ports that a `deny` leaves open, and for whom."""
    passed: tuple[str, ...] = ()
    """Who of a `deny`'s parties an earlier line lets have a port for something else."""
    ways: tuple[str, ...] = ()
    """Under a default of `deny`: what is open to these parties on the same carriers."""


def key(use: Use) -> Key:
    """Return what makes a use the same in two lines."""
    return use.service, use.capability


def known(use: Use) -> tuple[Ports, ...]:
    """Return the ports where *use* is to be expected."""
    if use.stated:
        return use.ports
    return tuple(ports for ports in use.ports if ports.high - ports.low < WIDE)


def free(use: Use) -> tuple[Carrier, ...]:
    """Return the carriers on which nobody can know the ports of *use* beforehand."""
    wide = {ports.carrier for ports in use.ports if ports not in known(use)}
    return tuple(sorted(wide | set(use.dynamic)))


def parted(ports: Spans) -> tuple[Spans, Spans]:
    """Return *ports* below `EPHEMERAL`, and those from there on."""
    low = tuple((first, min(last, EPHEMERAL - 1)) for first, last in ports if first < EPHEMERAL)
    high = tuple((max(first, EPHEMERAL), last) for first, last in ports if last >= EPHEMERAL)
    return low, high


class Reading:
    """One policy as ports. Made once a policy: see `reading`."""

    def __init__(self, rules: Rules, *, stateless: bool = False) -> None:
        """*stateless*: the filter sees packets, and not who opened a flow."""
        self.rules, self.stateless = rules, stateless
        self.parties = Parties()
        self._numbers = {line.name: number for number, line in enumerate(rules.lines)}
        self._keys = [frozenset(map(key, line.uses)) for line in rules.lines]
        self._allows = dict[Ports, dict[int, list[Use]]]()
        self._denies = dict[Key, list[int]]()
        self._deciding = dict[Key, list[int]]()
        for number, line in enumerate(rules.lines):
            for use in line.uses if line.action == "allow" else ():
                for ports in known(use):
                    self._allows.setdefault(ports, {}).setdefault(number, []).append(use)
            for use in line.uses if line.action == "deny" else ():
                self._denies.setdefault(key(use), []).append(number)
            for use in line.uses if line.action != "alert" else ():
                self._deciding.setdefault(key(use), []).append(number)
        self.naming = tuple(
            (line, {use.service: use.names for use in line.uses if use.names})
            for line in rules.lines
            if line.action == "allow"
        )
        """Lines that allow something, and the host names of the services they speak of."""
        self.signed = {
            line.name: frozenset(each.name for use in line.uses for each in signatures(use))
            for line in rules.lines
        }
        """Names of the signatures of each line's uses."""
        self._beside = dict[str, list[Use]]()
        for use in rules.known:
            self._beside.setdefault(use.service, []).append(use)
        self._moot = dict[tuple[int, Key], bool]()
        self._besides = dict[tuple[int, frozenset[Key]], str]()
        self._known = frozenset(map(key, rules.known))
        self._neighbours = dict[Ports, list[Ports]]()
        self._standings = dict[tuple[int, Key], Standing]()
        self._ways = dict[tuple[int, Carrier], tuple[tuple[int, str], ...]]()

    def entries(self) -> Iterator[Entry]:
        """Yield what a filter writes down, in order."""
        for number, line in enumerate(self.rules.lines):
            spans = dict[Carrier, list[tuple[int, int]]]()
            for use in line.uses:
                for ports in self.standing(line, use).met:
                    spans.setdefault(ports.carrier, []).extend(ports.spans)
            for opener, called in line.openings():
                for carrier in sorted(spans, key=("tcp", "udp", "esp", "ah").index):
                    yield Entry(number, line, opener, called, carrier, merged(spans[carrier]))

    def moot(self, line: Line, use: Use) -> bool:
        """Return whether an earlier line decides *use* for all parties of *line*, at all hours."""
        number = self._numbers[line.name]
        where = (number, key(use))
        if where not in self._moot:
            self._moot[where] = self._decided(number, line, use)
        return self._moot[where]

    def _decided(self, number: int, line: Line, use: Use) -> bool:
        return any(
            earlier < number
            and not self.rules.lines[earlier].hours
            and self.parties.holds(self.rules.lines[earlier], line)
            for earlier in self._deciding.get(key(use), ())
        )

    def whole(self, line: Line, use: Use) -> bool:
        """Return whether *line* speaks of everything that the service of *use* can do."""
        keys = self._keys[self._numbers[line.name]]
        return all(key(each) in keys for each in self._beside.get(use.service, (use,)))

    def meet(self, one: Line, other: Line) -> bool:
        """Return whether any flow can belong to both lines."""
        return self.parties.meet(one, other)

    def beside(self, line: Line, keys: frozenset[Key]) -> str:
        """Return which of *keys*, not in *line*, the policy lets its parties have; empty: none."""
        where = (self._numbers[line.name], keys)
        if where not in self._besides:
            self._besides[where] = self._passing(line, where[0], keys)
        return self._besides[where]

    def _passing(self, line: Line, number: int, keys: frozenset[Key]) -> str:
        for service, capability in sorted(keys - self._keys[number]):
            use = Use(service, Capability(capability))
            for other in self._deciding.get((service, capability), ()):
                allow = self.rules.lines[other]
                lets = allow.action == "allow" and self.parties.meet(line, allow)
                if lets and not self._denied_before(use, other, line, number):
                    return f"{use} (line {allow.name})"
            default = self.rules.default == "allow" and (service, capability) in self._known
            if default and not self._denied(use, line):
                return f"{use} (by default)"
        return ""

    def _denied(self, use: Use, line: Line) -> bool:
        denies = self._denies.get(key(use), ())
        return any(self.parties.holds(self.rules.lines[deny], line) for deny in denies)

    def standing(self, line: Line, use: Use) -> Standing:
        """Return what a filter can do about *use* of *line*."""
        where = (self._numbers[line.name], key(use))
        if where not in self._standings:
            if self.moot(line, use):
                self._standings[where] = Standing(())
            elif line.action == "allow":
                self._standings[where] = Standing(known(use))
            else:
                self._standings[where] = self._refused(where[0], line, use)
        return self._standings[where]

    def _refused(self, number: int, line: Line, use: Use) -> Standing:
        met, shared, passed = list[Ports](), list[tuple[Ports, str]](), list[str]()
        for ports in known(use):
            why = self._holder(number, line, use, ports, passed) if line.action == "deny" else ""
            why = why or self._answers(ports) or self._everybody(line, use, ports)
            if why:
                shared.append((ports, why))
            else:
                met.append(ports)
        return Standing(
            tuple(met), tuple(shared), tuple(dict.fromkeys(passed)), self._open(number, line, use)
        )

    def _holder(self, number: int, line: Line, use: Use, ports: Ports, passed: list[str]) -> str:
        """Return who else may have *ports* between the parties of *line*; empty where nobody."""
        for near in self._near(ports):
            for other, uses in self._allows[near].items():
                allow = self.rules.lines[other]
                if other < number and key(use) in self._keys[other]:
                    continue  # the policy itself lets this use pass there
                if not self.parties.meet(line, allow):
                    continue
                for each in uses:
                    if key(each) == key(use) or self._denied_before(each, other, line, number):
                        continue
                    if other > number or self.parties.holds(allow, line):
                        return f"{each} (line {allow.name})"
                    passed.append(f"{near} between {allow.ours.label} and {allow.theirs.label}")
        return self._sibling(number, line, use, ports)

    def _denied_before(self, use: Use, allow: int, line: Line, number: int) -> bool:
        """Return whether an earlier line than *allow* denies *use* to all parties of *line*."""
        return any(
            deny < allow and (deny == number or self.parties.holds(self.rules.lines[deny], line))
            for deny in self._denies.get(key(use), ())
        )

    def _sibling(self, number: int, line: Line, use: Use, ports: Ports) -> str:
        """Return another use of the same service that the default lets have *ports*."""
        if self.rules.default == "deny":
            return ""
        for each in self._beside.get(use.service, ()):
            if key(each) in self._keys[number] or not any(map(ports.meet, known(each))):
                continue
            if not self._denied(each, line):
                return f"{each} (by default)"
        return ""

    def _answers(self, ports: Ports) -> str:
        """Return why closing *ports* would hit answers, where nobody knows who opened a flow."""
        hit = self.stateless and ports.high >= EPHEMERAL
        return "answers to clients" if hit else ""

    def _everybody(self, line: Line, use: Use, ports: Ports) -> str:
        everyone = line.ours.everyone or line.theirs.everyone
        if use.stated or self.rules.default == "deny" or not everyone:
            return ""
        return "the web and DNS" if any(map(ports.meet, WEB)) else ""

    def _near(self, ports: Ports) -> list[Ports]:
        if ports not in self._neighbours:
            self._neighbours[ports] = [near for near in self._allows if ports.meet(near)]
        return self._neighbours[ports]

    def _open(self, number: int, line: Line, use: Use) -> tuple[str, ...]:
        """Return what lines leave open on the carriers of *use* between the parties of *line*."""
        if self.rules.default == "allow":
            return ()
        carriers = {ports.carrier for ports in use.ports} | set(use.dynamic)
        ways = dict[str, None]()
        for carrier in sorted(carriers):
            for other, way in self._open_on(number, line, carrier):
                if other > number or key(use) not in self._keys[other]:
                    ways[way] = None
        return tuple(ways)

    def _open_on(self, number: int, line: Line, carrier: Carrier) -> tuple[tuple[int, str], ...]:
        if (number, carrier) not in self._ways:
            self._ways[number, carrier] = tuple(
                (other, f"{ports} (line {self.rules.lines[other].name})")
                for ports, lines in self._allows.items()
                if ports.carrier == carrier
                for other in lines
                if self.parties.meet(line, self.rules.lines[other])
            )
        return self._ways[number, carrier]


_last: list[Reading] = []


def reading(rules: Rules, *, stateless: bool = False) -> Reading:
    """Return the reading of *rules*; those of the last rules are kept, as judges ask use by use."""
    if _last and _last[0].rules is not rules:
        _last.clear()
    for each in _last:
        if each.stateless == stateless:
            return each
    _last.append(Reading(rules, stateless=stateless))
    return _last[-1]
