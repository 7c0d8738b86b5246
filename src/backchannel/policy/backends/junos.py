"""Junos: firewall filters `backchannel` of families inet and inet6, with prefix lists.

A filter remembers no flows (see `_stateless`), and everything else that Junos does with a packet
comes after it, security policies of an SRX too: it closes, and opens nothing. A whole
configuration group is replaced, so that a commit changes the policy in one step.
"""

from collections.abc import Iterable, Iterator

from backchannel.policy.backends import _judging
from backchannel.policy.backends._judging import Speaks, silent
from backchannel.policy.backends._stateless import Term, terms
from backchannel.policy.backends._words import heading, plain, short, slug, unused
from backchannel.policy.compile import File, Gap, Judgement
from backchannel.policy.model import Line, Party, Rules, Use
from backchannel.policy.parties import versions
from backchannel.policy.spans import Spans

NAME = "junos"
TITLE = "Junos (firewall filters of SRX, MX, EX and PTX)"
SPEAKS = Speaks(alerts=True, stateless=True)
GROUP = "backchannel"
LOAD = (
    "Load:    configure; load replace FILE; commit confirmed 1; and, when all is well, commit",
    "Apply:   set interfaces NAME unit N family inet filter input backchannel; for inet6",
    "         backchannel6; on every interface. Security policies are asked after it.",
    "Remove:  take the filters off; delete groups backchannel; delete apply-groups backchannel",
    "Watch:   show firewall filter backchannel",
)
NEEDED = {
    4: ("unreachable", "time-exceeded", "parameter-problem"),
    6: (
        "destination-unreachable",
        "packet-too-big",
        "time-exceeded",
        "parameter-problem",
        "router-solicit",
        "router-advertisement",
        "neighbor-solicit",
        "neighbor-advertisement",
    ),
}
"""What hosts need to find each other, and errors about flows, under a default of `deny`."""


def judge(rules: Rules, line: Line, use: Use) -> Judgement:
    """Return what a firewall filter can do for *use* of *line*."""
    return _judging.judge(rules, line, use, SPEAKS)


def emit(rules: Rules, gaps: tuple[Gap, ...]) -> tuple[File, ...]:
    """Return the configuration group as one file for `load replace`."""
    text = [*heading(rules, gaps, LOAD, silent=silent(rules, SPEAKS)), "groups {", "    replace:"]
    text += _block(GROUP, _Filters(rules).lines(), 1)
    text += ["}", f"apply-groups {GROUP};", ""]
    return (File("backchannel.junos", "\n".join(text)),)


class _Filters:
    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._names = dict[tuple[int, int], str]()
        self._lists = dict[str, list[str]]()

    def lines(self) -> list[str]:
        families = [
            _block(f"family {name}", self._filter(family))
            for family, name in ((4, "inet"), (6, "inet6"))
        ]
        lists = [
            row
            for name, found in self._lists.items()
            for row in _block(f"prefix-list {name}", (f"{net};" for net in found))
        ]
        return [
            *_block("policy-options", lists),
            *_block("firewall", (row for family in families for row in family)),
        ]

    def _filter(self, family: int) -> list[str]:
        name = GROUP if family == 4 else f"{GROUP}6"
        rows, numbers = list[str](), dict[str, int]()
        for term in terms(self._rules, SPEAKS):
            if family in versions(term.source, term.target):
                base = term.line.name if term.line else "our_management"
                numbers[base] = numbers.get(base, 0) + 1
                rows += self._term(f"{base}-{numbers[base]}", term, family)
        rows += _default(self._rules.default, family)
        return _block(f"filter {name}", rows)

    def _term(self, name: str, term: Term, family: int) -> list[str]:
        match = [
            *self._end("source", term.source, family),
            *self._end("destination", term.target, family),
            f"{'protocol' if family == 4 else 'payload-protocol'} {term.carrier};",
            *_ports("source", term.source_ports),
            *_ports("destination", term.target_ports),
            *(("tcp-established;",) if term.tcp == "answer" else ()),
        ]
        count = f"count {term.line.name if term.line else 'our_management'};"
        if term.action == "alert":
            then = [count, "log;", "syslog;", "next term;"]
        elif term.action == "allow" or term.line is None:
            then = [count, "accept;"]
        else:
            then = [count, _refusal(term)]
        about = [f"/* {plain(short(term.line)).replace('*/', '')} */"] if term.line else []
        return [*about, *_block(f"term {name}", [*_block("from", match), *_block("then", then)])]

    def _end(self, side: str, party: Party, family: int) -> Iterator[str]:
        if party.networks.any:
            return
        key = (id(party.networks), family)
        if key not in self._names:
            found = party.networks.v4 if family == 4 else party.networks.v6
            base = f"bc-{slug(party.label, 40).replace('_', '-')}-v{family}"
            made = unused(base, self._lists, "-")
            self._names[key] = made
            self._lists[made] = [str(net) for net in found]
        yield from _block(f"{side}-prefix-list", [f"{self._names[key]};"])


def _refusal(term: Term) -> str:
    if term.line is None or term.line.refuse == "drop":
        return "discard;"
    return "reject tcp-reset;" if term.carrier == "tcp" else "reject administratively-prohibited;"


def _default(default: str, family: int) -> list[str]:
    if default == "allow":
        return _block("term our_default", _block("then", ["accept;"]))
    kinds = f"icmp-type [ {' '.join(NEEDED[family])} ];"
    carrier = "protocol icmp;" if family == 4 else "payload-protocol icmp6;"
    return [
        *_block(
            "term our_needed", [*_block("from", [carrier, kinds]), *_block("then", ["accept;"])]
        ),
        *_block("term our_default", _block("then", ["count our_default;", "discard;"])),
    ]


def _ports(side: str, spans: Spans) -> Iterator[str]:
    if spans:
        said = " ".join(f"{low}-{high}" if high > low else str(low) for low, high in spans)
        yield f"{side}-port [ {said} ];"


def _block(title: str, rows: Iterable[str], depth: int = 0) -> list[str]:
    pad = "    " * depth
    return [f"{pad}{title} {{", *(f"{pad}    {row}" for row in rows), f"{pad}}}"]
