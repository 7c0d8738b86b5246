"""Cisco IOS: named extended access lists for IPv4 and IPv6, with object groups and time ranges.

Both lists hold both directions, so that they are applied inbound on every interface. An access
list remembers no flows: see `_stateless`. The names hold the policy's digest: a new policy is a new
list, and an interface goes from the old one to the new one in one command.
"""

from collections.abc import Iterator

from backchannel.policy.backends import _judging
from backchannel.policy.backends._hours import MIDNIGHT, NAMES, stretches
from backchannel.policy.backends._judging import Speaks, silent
from backchannel.policy.backends._stateless import Term, terms
from backchannel.policy.backends._words import heading, plain, short, slug, unused
from backchannel.policy.compile import File, Gap, Judgement
from backchannel.policy.document import WEEK
from backchannel.policy.model import Line, Party, Rules, Use
from backchannel.policy.parties import versions
from backchannel.policy.spans import Spans

NAME = "cisco-ios"
TITLE = "Cisco IOS and IOS XE (extended access lists)"
SPEAKS = Speaks(hours=True, stateless=True)
LOAD = (
    "Load:    copy it to the router; copy flash:backchannel-ios.cfg running-config",
    "Apply:   on every interface: ip access-group LIST in; ipv6 traffic-filter LIST in",
    "Remove:  no ip access-group; no ipv6 traffic-filter; no ip access-list extended LIST, ...",
    "Watch:   show access-lists",
)
NEEDED = {
    4: ("unreachable", "packet-too-big", "time-exceeded", "parameter-problem"),
    6: (
        "nd-ns",
        "nd-na",
        "router-solicitation",
        "router-advertisement",
        "unreachable",
        "packet-too-big",
        "time-exceeded",
        "parameter-problem",
    ),
}
"""What hosts need to find each other, and errors about flows, under a default of `deny`."""


def judge(rules: Rules, line: Line, use: Use) -> Judgement:
    """Return what an access list can do for *use* of *line*."""
    return _judging.judge(rules, line, use, SPEAKS)


def emit(rules: Rules, gaps: tuple[Gap, ...]) -> tuple[File, ...]:
    """Return the lists, and what they use, as commands of the configuration mode."""
    text = [
        *heading(rules, gaps, LOAD, "!", silent(rules, SPEAKS)),
        *_Lists(rules).lines(),
        "end",
        "",
    ]
    return (File("backchannel-ios.cfg", "\n".join(text)),)


class _Lists:
    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._mark = rules.digest[:8]
        self._groups = dict[tuple[int, int], str]()
        self._networks = dict[str, tuple[int, Party]]()

    def lines(self) -> Iterator[str]:
        lists = [row for family in (4, 6) for row in self._list(family)]
        yield from self._objects()
        timed = {
            term.line.name: term.line
            for term in terms(self._rules, SPEAKS)
            if term.line and term.line.hours
        }
        for line in timed.values():
            yield from _time_range(line)
        yield from lists

    def _objects(self) -> Iterator[str]:
        for name, (family, party) in self._networks.items():
            yield "!"
            yield f"object-group {'network' if family == 4 else 'v6-network'} {name}"
            if family == 4:
                for four in party.networks.v4:
                    host = four.prefixlen == 32
                    address = four.network_address
                    yield f" host {address}" if host else f" {address} {four.netmask}"
            else:
                for six in party.networks.v6:
                    host = six.prefixlen == 128
                    yield f" host {six.network_address}" if host else f" {six}"

    def _list(self, family: int) -> Iterator[str]:
        kind = "ip access-list extended" if family == 4 else "ipv6 access-list"
        yield "!"
        yield f"{kind} BACKCHANNEL-{family}-{self._mark}"
        said = ""
        for term in terms(self._rules, SPEAKS):
            if family not in versions(term.source, term.target):
                continue
            name = short(term.line) if term.line else "management, never cut off"
            if name != said:
                said = name
                yield f" remark {plain(name, 100)}"
            yield from self._term(term, family)
        yield f" remark default: {self._rules.default}"
        if self._rules.default == "deny":
            yield from (f" permit icmp any any {kind}" for kind in NEEDED[family])
        yield f" {_action(self._rules.default)} {'ip' if family == 4 else 'ipv6'} any any"

    def _term(self, term: Term, family: int) -> Iterator[str]:
        source, target = self._end(term.source, family), self._end(term.target, family)
        flags = " established" if term.tcp == "answer" else ""
        carrier = "ahp" if term.carrier == "ah" else term.carrier
        for own in _ports(term.source_ports):
            for other in _ports(term.target_ports):
                match = f"{carrier} {source}{own} {target}{other}{flags}"
                yield f" {_action(term.action)} {match}{_when(term.line)}"

    def _end(self, party: Party, family: int) -> str:
        if party.networks.any:
            return "any"
        if family == 4 and len(party.networks.v4) == 1:
            four = party.networks.v4[0]
            host = four.prefixlen == 32
            address = four.network_address
            return f"host {address}" if host else f"{address} {four.hostmask}"
        if family == 6 and len(party.networks.v6) == 1:
            six = party.networks.v6[0]
            return f"host {six.network_address}" if six.prefixlen == 128 else str(six)
        key = (id(party.networks), family)
        if key not in self._groups:
            base = f"{slug(party.label, 30).replace('_', '-')}-{family}-{self._mark}"
            made = unused(base, self._networks, "-")
            self._groups[key] = made
            self._networks[made] = (family, party)
        return f"object-group {self._groups[key]}"


def _action(action: str) -> str:
    return "permit" if action == "allow" else "deny"


def _ports(spans: Spans) -> Iterator[str]:
    if not spans:
        yield ""
    for low, high in spans:
        yield f" range {low} {high}" if high > low else f" eq {low}"


def _when(line: Line | None) -> str:
    return f" time-range BC-{line.name}" if line and line.hours else ""


def _time_range(line: Line) -> Iterator[str]:
    if line.hours is None:
        return
    yield "!"
    yield f"time-range BC-{line.name}"
    for days, start, end in stretches(line.hours):
        last = min(end, MIDNIGHT) - 1  # the last minute is part of the range
        names = "daily" if len(days) == len(WEEK) else " ".join(NAMES[day] for day in days)
        yield f" periodic {names} {_clock(start)} to {_clock(last)}"


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02}"
