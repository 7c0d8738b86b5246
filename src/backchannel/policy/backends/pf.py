"""pf: rules for an anchor `backchannel`, with tables and labels (OpenBSD, FreeBSD, macOS).

In an anchor, `quick` ends the decision of the whole ruleset. Under a default of `allow` nothing is
passed here, therefore: each `block` is cut down by the lines before it (`_regions`) and the site's
own rules go on. Flows with a state are not asked again; `pfctl -F states` after loading cuts those
from before, and a packet without state is met in both directions (docs/decisions/0010).
"""

from collections.abc import Iterator

from backchannel.policy.backends import _judging
from backchannel.policy.backends._judging import Speaks, silent
from backchannel.policy.backends._reading import parted
from backchannel.policy.backends._regions import Addresses, Region, Regions, texts
from backchannel.policy.backends._words import about, heading, slug, unused
from backchannel.policy.compile import File, Gap, Judgement
from backchannel.policy.model import Line, Rules, Use
from backchannel.policy.spans import Spans

NAME = "pf"
TITLE = "pf (OpenBSD, FreeBSD, macOS)"
SPEAKS = Speaks()
ANCHOR = "backchannel"
TAG = "BACKCHANNEL"
LOAD = (
    f"Check:   pfctl -n -a {ANCHOR} -f backchannel.pf",
    f'Load:    anchor "{ANCHOR}"    as the first filter rule of pf.conf, and then',
    f"         pfctl -a {ANCHOR} -f backchannel.pf; pfctl -F states",
    f"Remove:  pfctl -a {ANCHOR} -F all",
    f"Watch:   pfctl -a {ANCHOR} -v -s labels",
)
NEEDED = (
    "pass quick on lo0 all",
    f"pass out quick tagged {TAG}",
    "pass quick inet proto icmp icmp-type { unreach, timex, paramprob }",
    "pass quick inet6 proto ipv6-icmp icmp6-type { unreach, toobig, timex, paramprob }",
    "pass quick inet6 proto ipv6-icmp icmp6-type { routersol, routeradv, neighbrsol, neighbradv }",
)
"""Under a default of `deny`: loopback, what came in by a line of ours (so that it leaves translated
too), what hosts need to find each other, and errors about flows."""


def judge(rules: Rules, line: Line, use: Use) -> Judgement:
    """Return what pf can do for *use* of *line*."""
    return _judging.judge(rules, line, use, SPEAKS)


def emit(rules: Rules, gaps: tuple[Gap, ...]) -> tuple[File, ...]:
    """Return the anchor's rules as one file for pfctl."""
    text = [
        *heading(rules, gaps, LOAD, silent=silent(rules, SPEAKS)),
        "",
        *_Anchor(rules).lines(),
        "",
    ]
    return (File("backchannel.pf", "\n".join(text)),)


class _Anchor:
    def __init__(self, rules: Rules) -> None:
        self._rules, self._closed = rules, rules.default == "deny"
        self._names = dict[int, str]()
        self._tables = dict[str, Addresses]()

    def lines(self) -> Iterator[str]:
        rows = list(self._rows())
        for name, addresses in self._tables.items():
            found = list(texts(addresses, ranges=False))
            parts = [", ".join(found[at : at + 6]) for at in range(0, len(found), 6)]
            continued = ", \\\n    ".join(parts)
            yield f"table <{name}> const {{ {continued} }}"
        yield from rows
        if self._closed:
            yield "# default: deny"
            yield 'block drop quick all label "no-line"'

    def _rows(self) -> Iterator[str]:
        said, needed = "", self._closed
        for region, left in Regions(self._rules, SPEAKS).all():
            name = region.line.name if region.line else "management"
            if region.line and needed:
                needed = False
                yield from NEEDED
            if name != said:
                said = name
                yield from about(region.line) if region.line else ["# management, never cut off"]
            yield from self._region(region, left, name)
        if needed:
            yield from NEEDED

    def _region(self, region: Region, left: list[Region], name: str) -> Iterator[str]:
        line = region.line
        if line is None:
            if self._closed:  # otherwise nothing of ours refuses it
                flags = " flags any" if region.carrier == "tcp" else ""
                yield f'{self._opened("pass", region)}{flags} label "{name}"'
        elif line.action == "deny":
            how = "block drop" if line.refuse == "drop" else "block return"
            for part in [region] if self._closed else left:
                yield f'{self._opened(how, part)} label "{name}"'
                yield from self._answered(how, part, name)
        elif self._closed:
            yield f'{self._opened("pass", region)} tag {TAG} label "{name}"'

    def _opened(self, how: str, part: Region) -> str:
        ports = f" port {_ports(part.ports)}" if part.ports else ""
        ends = f"from {self._end(part.opener)} to {self._end(part.called)}{ports}"
        return f"{how} quick proto {part.carrier} {ends}"

    def _answered(self, how: str, part: Region, name: str) -> Iterator[str]:
        """Yield the rule for answers in flows without a state."""
        low, _ = parted(part.ports)
        if low:
            source = f"from {self._end(part.called)} port {_ports(low)}"
            match = f"{source} to {self._end(part.opener)} port >= 1024"
            flags = " flags /S" if part.carrier == "tcp" else ""
            yield f'{how} quick proto {part.carrier} {match}{flags} label "{name}"'

    def _end(self, addresses: Addresses) -> str:
        if addresses.everyone:
            return "any"
        if id(addresses) not in self._names:
            made = unused(f"bc_{slug(addresses.label, 22)}", self._tables)
            self._names[id(addresses)] = made
            self._tables[made] = addresses
        return f"<{self._names[id(addresses)]}>"


def _ports(spans: Spans) -> str:
    return f"{{ {', '.join(f'{low}:{high}' if high > low else str(low) for low, high in spans)} }}"
