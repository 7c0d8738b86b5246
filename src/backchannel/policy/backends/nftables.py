"""nftables: one table `inet backchannel`, for forwarded traffic and for the host's own.

Nothing passes because it is `established`: every packet is decided by who opened its flow, so
that flows from before the ruleset are cut too (docs/decisions/0010). Packets of the opener meet
the chain `decide`, answers the chain `back`, which is `decide` with the ends exchanged. A flow
whose opening was never seen has no known opener; its packets meet both.
"""

from collections.abc import Iterable, Iterator

from backchannel.policy.backends import _judging
from backchannel.policy.backends._hours import MIDNIGHT, NAMES, stretches
from backchannel.policy.backends._judging import Speaks, commented, silent
from backchannel.policy.backends._reading import Entry, parted
from backchannel.policy.backends._words import heading, interfaces, plain, short, slug, unused
from backchannel.policy.compile import File, Gap, Judgement
from backchannel.policy.document import WEEK, Refusal
from backchannel.policy.model import (
    Carrier,
    Hours,
    Lifeline,
    Line,
    Networks,
    Party,
    Rules,
    Use,
)
from backchannel.policy.parties import versions
from backchannel.policy.spans import Spans

NAME = "nftables"
TITLE = "nftables (Linux)"
TABLE = "backchannel"
SPEAKS = Speaks(
    hours=True,
    hours_but="the kernel reckons in UTC: hours are those of the time zone at loading until its "
    "clock changes, and days change at midnight UTC",
    interfaces=True,
    alerts=True,
)
_UNSEEN = "ct state new,invalid,untracked"
_OWN_REFUSALS = (
    "# resets and errors by which a line refuses leave here, as if they were answers",
    "tcp flags & rst == rst accept",
    "icmp type destination-unreachable accept",
    "icmpv6 type destination-unreachable accept",
)
LOAD = (
    "Load:    nft -f THIS-FILE    (in one step; it replaces what an earlier one made)",
    f"Remove:  nft delete table inet {TABLE}",
    f"Watch:   nft list counters table inet {TABLE}",
)


def judge(rules: Rules, line: Line, use: Use) -> Judgement:
    """Return what nftables can do for *use* of *line*."""
    return _judging.judge(rules, line, use, SPEAKS)


def emit(rules: Rules, gaps: tuple[Gap, ...]) -> tuple[File, ...]:
    """Return the table as one file for `nft -f`."""
    text = _Table(rules).lines()
    return (
        File(
            "backchannel.nft",
            "\n".join([*heading(rules, gaps, LOAD, silent=silent(rules, SPEAKS)), "", *text, ""]),
        ),
    )


def counter(line: Line) -> str:
    """Return the name of the counter of *line*."""
    return f"line-{line.name}"


class _Sets:
    """Named sets of addresses, one a party and IP version."""

    def __init__(self) -> None:
        self._names = dict[int, str]()
        self._taken = set[str]()
        self.made = dict[str, tuple[int, Networks]]()

    def name(self, party: Party, family: int) -> str:
        key = id(party.networks)
        if key not in self._names:
            made = unused(slug(party.label, 40), self._taken)
            self._taken.add(made)
            self._names[key] = made
        name = f"{self._names[key]}_v{family}"
        self.made[name] = (family, party.networks)
        return name

    def lines(self) -> Iterator[str]:
        for name, (family, networks) in self.made.items():
            found = [str(net) for net in (networks.v4 if family == 4 else networks.v6)]
            short = [text.removesuffix("/32" if family == 4 else "/128") for text in found]
            rows = [", ".join(short[at : at + 6]) for at in range(0, len(short), 6)]
            yield f"    set {name} {{"
            yield f"        type ipv{family}_addr"
            yield "        flags interval"
            yield "        elements = { " + ",\n                     ".join(rows) + " }"
            yield "    }"


class _Table:
    def __init__(self, rules: Rules) -> None:
        self._rules, self._sets = rules, _Sets()

    def lines(self) -> list[str]:
        back, decide = list(self._back()), list(self._decide())
        return [
            f"table inet {TABLE} {{}}",
            f"delete table inet {TABLE}",
            f"table inet {TABLE} {{",
            *self._sets.lines(),
            *(f"    counter {name} {{}}" for name in self._counters()),
            *_hook("forward", ()),
            *_hook("input", ('iifname "lo" accept',)),
            *_hook("output", ('oifname "lo" accept', *_OWN_REFUSALS)),
            *_chain("decide", decide),
            *_chain("back", back),
            "}",
        ]

    def _counters(self) -> Iterator[str]:
        yield from (counter(line) for line in self._rules.lines)
        if self._rules.lifelines:
            yield "management"
        if self._rules.default == "deny":
            yield "no-line"

    # -- chains ----------------------------------------------------------------------------------

    def _decide(self) -> Iterator[str]:
        for each in self._rules.lifelines:
            yield from self._lifeline(each)
        if self._rules.default == "deny":
            yield "# what hosts need to find each other, and errors about flows that may be"
            yield "ct state related meta l4proto { icmp, ipv6-icmp } accept"
            yield "icmpv6 type { nd-router-solicit, nd-router-advert } accept"
            yield "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
        yield "# answers, and packets of flows whose opening was never seen"
        yield "ct direction reply jump back"
        yield "ct direction reply accept"
        yield f"{_UNSEEN} tcp flags & (syn | ack) != syn tcp dport >= 1024 jump back"
        yield f"{_UNSEEN} udp dport >= 1024 jump back"
        yield from self._entries(back=False)
        if self._rules.default == "deny":
            yield 'counter name "no-line" drop comment "default: deny"'

    def _back(self) -> Iterator[str]:
        yield from self._entries(back=True)
        if self._rules.default == "deny":
            yield 'ct direction reply counter name "no-line" drop comment "default: deny"'

    def _entries(self, *, back: bool) -> Iterator[str]:
        for comment, entry in commented(self._rules, SPEAKS, back=back):
            yield from comment
            for ends in self._ends(entry.opener, entry.called, back=back):
                for ports in _ports(entry, back=back):
                    for window in _windows(entry.line.hours):
                        yield " ".join([*ends, ports, *window, _verdict(entry, back=back)])

    def _lifeline(self, each: Lifeline) -> Iterator[str]:
        yield f"# management, never cut off ({plain(each.place, 100)})"
        carrier, ports = each.ports.carrier, _span(each.ports.low, each.ports.high)
        for back in (False, True):
            said = [f"{carrier} {'sport' if back else 'dport'} {ports}"]
            if carrier not in ("tcp", "udp"):
                said = [f"meta l4proto {carrier}"]
            elif back:  # what only looks like an answer does not pass
                answer = (
                    "tcp flags & (syn | ack) != syn" if carrier == "tcp" else "ct direction reply"
                )
                said.append(answer)
            for ends in self._ends(each.client, each.server, back=back):
                yield " ".join([*ends, *said, 'counter name "management" accept'])

    # -- matches ---------------------------------------------------------------------------------

    def _ends(self, opener: Party, called: Party, *, back: bool) -> Iterator[list[str]]:
        """Yield the addresses and interfaces of a packet, once an IP version that they need."""
        source, target = (called, opener) if back else (opener, called)
        doors = [*_doors("iifname", source), *_doors("oifname", target)]
        if source.networks.any and target.networks.any:
            yield doors
            return
        for family in versions(source, target):
            word = "ip" if family == 4 else "ip6"
            yield [
                *doors,
                *self._address(f"{word} saddr", source, family),
                *self._address(f"{word} daddr", target, family),
            ]

    def _address(self, field: str, party: Party, family: int) -> Iterator[str]:
        if not party.networks.any:
            yield f"{field} @{self._sets.name(party, family)}"


def _hook(name: str, first: Iterable[str]) -> list[str]:
    hook = f"type filter hook {name} priority filter; policy accept;"
    return _chain(name, [hook, *first, "jump decide"])


def _chain(name: str, rules: Iterable[str]) -> list[str]:
    return [f"    chain {name} {{", *(f"        {rule}" for rule in rules), "    }"]


def _doors(field: str, party: Party) -> Iterator[str]:
    names = interfaces(party)
    if names:
        yield f"{field} {{ {', '.join(f'{chr(34)}{name}{chr(34)}' for name in names)} }}"


def _ports(entry: Entry, *, back: bool) -> Iterator[str]:
    """Yield the match of the entry's ports; a packet going back has them as its source."""
    if entry.carrier not in ("tcp", "udp"):
        yield f"{'ct direction reply ' * back}meta l4proto {entry.carrier}"
    elif not back:
        yield f"{entry.carrier} dport {_spans(entry.ports)}"
    else:
        yield from (f"{entry.carrier} sport {ports}" for ports in _server_ports(entry.ports))


def _server_ports(ports: Spans) -> Iterator[str]:
    """Yield source ports that tell a server by themselves, and those that need a known opener."""
    low, high = parted(ports)
    if low:
        yield _spans(low)
    if high:
        yield f"{_spans(high)} ct direction reply"


def _spans(spans: Spans) -> str:
    return f"{{ {', '.join(_span(low, high) for low, high in spans)} }}"


def _span(low: int, high: int) -> str:
    return f"{low}-{high}" if high > low else str(low)


def _verdict(entry: Entry, *, back: bool) -> str:
    line = entry.line
    count = f'counter name "{counter(line)}"'
    note = f'comment "{short(line)}"'
    if line.action == "alert":
        log = f'limit rate 10/second burst 20 packets log prefix "{TABLE} {line.name}: "'
        return f"ct state new {count} {log} {note}"
    if line.action == "allow":
        return f"{count} {'return' if back else 'accept'} {note}"
    return f"{count} {_refusal(line.refuse, entry.carrier)} {note}"


def _refusal(refuse: Refusal, carrier: Carrier) -> str:
    if refuse == "drop":
        return "drop"
    return (
        "reject with tcp reset" if carrier == "tcp" else "reject with icmpx type admin-prohibited"
    )


def _windows(hours: Hours | None) -> Iterator[list[str]]:
    """Yield the matches of each stretch of time; one that goes past midnight is two."""
    if hours is None:
        yield []
        return
    for days, start, end in stretches(hours):
        said = []
        if len(days) < len(WEEK):
            names = ", ".join(f'"{NAMES[day]}"' for day in days)
            said.append(f"meta day {{ {names} }}")
        if (start, end) != (0, MIDNIGHT):
            said.append(f'meta hour "{_clock(start * 60)}"-"{_clock(end * 60 - 1)}"')
        yield said


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
