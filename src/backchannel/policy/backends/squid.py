"""Squid: lists that refuse requests by port and host name, for what asks this proxy.

A proxy sees requests of clients on the inside, CONNECT among them. The first `http_access` that
fits ends the decision, also against what squid.conf says after it. So under a default of `allow`
nothing is allowed here: a `deny` leaves out what earlier lines allow, and squid.conf goes on.
"""

import re
from collections.abc import Iterable, Iterator

from backchannel.listed import listed
from backchannel.policy.backends._hours import stretches
from backchannel.policy.backends._judging import ENFORCES, Speaks, by_content, unsaid
from backchannel.policy.backends._names import held, usable
from backchannel.policy.backends._reading import Reading, known, reading
from backchannel.policy.backends._words import about, heading, slug, unused
from backchannel.policy.compile import File, Gap, Judgement
from backchannel.policy.document import WEEK
from backchannel.policy.model import Line, Party, Ports, Rules, Use
from backchannel.policy.spans import merged

NAME = "squid"
TITLE = "Squid (HTTP proxy)"
SPEAKS = Speaks(hours=True, closes=False)
CLOSES = Judgement("partly", "closes only what uses this proxy", "a packet filter beside it")
BYPASS = "it passes without this proxy, and by address on a web port"
LOAD = (
    "Check:   squid -k parse -f squid.conf, with this file included",
    "Load:    include /etc/squid/backchannel.conf    (before the first http_access); then",
    "         squid -k reconfigure. Requests that are under way go on; a restart ends them.",
    "Remove:  take the include out again; squid -k reconfigure",
)
LETTERS = dict(zip(WEEK, "MTWHFAS", strict=True))


def judge(rules: Rules, line: Line, use: Use) -> Judgement:
    """Return what the proxy can do for *use* of *line*."""
    read = reading(rules)
    if why := _unsayable(line):
        return Judgement("cannot", why, "guard, suricata")
    if read.moot(line, use):
        return ENFORCES
    tcp = [ports for ports in known(use) if ports.carrier == "tcp"]
    if line.action == "allow":
        other = [ports for ports in known(use) if ports.carrier != "tcp"]
        if rules.default == "allow" or not other:
            return ENFORCES
        why, nearest = f"a proxy does not carry {listed(other)}", "a packet filter"
        return Judgement("partly", why, nearest) if tcp else Judgement("cannot", why, nearest)
    ports, names = _ports(read, line, use), _names(read, line, use)
    if not ports and not names:
        why = held(read, line, use) if tcp else "a proxy carries TCP only"
        return Judgement("cannot", f"{why}; no TCP port is used by it alone", by_content(use))
    refuses = listed([*names[:2], *ports[:2]])
    return Judgement("partly", BYPASS, f"refuses {refuses}")


def emit(rules: Rules, gaps: tuple[Gap, ...]) -> tuple[File, ...]:
    """Return the lists as one file to be included."""
    text = [*heading(rules, gaps, LOAD), "", *_Lists(rules).lines(), ""]
    return (File("backchannel-squid.conf", "\n".join(text)),)


def _unsayable(line: Line) -> str:
    if line.direction == "in":
        return "a proxy is not asked by those outside"
    return unsaid(line, SPEAKS)


def _ports(read: Reading, line: Line, use: Use) -> tuple[Ports, ...]:
    if line.action == "allow":
        return tuple(ports for ports in known(use) if ports.carrier == "tcp")
    return tuple(ports for ports in read.standing(line, use).met if ports.carrier == "tcp")


def _names(read: Reading, line: Line, use: Use) -> tuple[str, ...]:
    return () if held(read, line, use) or read.moot(line, use) else usable(use)


class _Lists:
    def __init__(self, rules: Rules) -> None:
        self._rules, self._read = rules, reading(rules)
        self._addresses = dict[tuple[int, str], str]()
        self._let = list[tuple[Line, str]]()

    def lines(self) -> Iterator[str]:
        for number, line in enumerate(self._rules.lines, 1):
            if not _unsayable(line):
                yield from about(line)
                yield from self._line(f"bc{number}", line)
        if self._rules.default == "deny":
            yield "# default: deny"
            yield "http_access deny all"

    def _line(self, name: str, line: Line) -> Iterator[str]:
        names = sorted({each for use in line.uses for each in _names(self._read, line, use)})
        found = {each for use in line.uses for each in _ports(self._read, line, use)}
        ports = merged((each.low, each.high) for each in found)
        what = list[str]()
        if ports:
            spans = [f"{low}-{high}" if high > low else str(low) for low, high in ports]
            yield from _list(f"{name}_port", "port", spans)
            what.append(f"{name}_port")
        plain = sorted(_domain(each) for each in names if "*" not in each.removeprefix("*."))
        if plain:
            yield from _list(f"{name}_name", "dstdomain", _shortest(plain))
            what.append(f"{name}_name")
        starred = [_pattern(each) for each in names if "*" in each.removeprefix("*.")]
        if starred:
            yield from _list(f"{name}_like", "dstdom_regex -i", starred)
            what.append(f"{name}_like")
        if not what:
            return
        if len(what) > 1:
            yield f"acl {name}_what any-of {' '.join(what)}"
            what = [f"{name}_what"]
        who = list[str]()
        for kind, party in (("src", line.ours), ("dst", line.theirs)):
            yield from self._party(kind, party, who)
        for times, when in self._hours(name, line):
            yield from when
            yield from self._decision(
                f"{name}{times[0][-1:] if times else ''}", line, [*who, *times, *what]
            )

    def _decision(self, name: str, line: Line, match: list[str]) -> Iterator[str]:
        if self._rules.default == "deny":
            yield f"http_access {line.action} {' '.join(match)}"
        elif line.action == "allow":
            yield f"acl {name}_let all-of {' '.join(match)}"
            self._let.append((line, f"{name}_let"))
        else:
            spared = [let for allow, let in self._let if self._read.meet(line, allow)]
            yield from _list(f"{name}_spared", "any-of", spared)
            yield " ".join(["http_access deny", *match, *([f"!{name}_spared"] if spared else [])])

    def _party(self, kind: str, party: Party, who: list[str]) -> Iterator[str]:
        if party.networks.any:
            return
        key = (id(party.networks), kind)
        if key not in self._addresses:
            taken = self._addresses.values()
            made = unused(f"bc_{kind}_{slug(party.label, 30)}", taken)
            self._addresses[key] = made
            found = [*party.networks.v4, *party.networks.v6]
            yield from _list(made, kind, [str(net) for net in found])
        who.append(self._addresses[key])

    def _hours(self, name: str, line: Line) -> Iterator[tuple[list[str], list[str]]]:
        if line.hours is None:
            yield [], []
            return
        for number, (days, start, end) in enumerate(stretches(line.hours), 1):
            letters = "".join(LETTERS[day] for day in days)
            last = end - 1
            clock = f"{start // 60:02}:{start % 60:02}-{last // 60:02}:{last % 60:02}"
            listed = f"{name}_time{number}"
            yield [listed], [f"acl {listed} time {letters} {clock}"]


def _list(name: str, kind: str, values: Iterable[str]) -> Iterator[str]:
    """Yield *values* as lines that Squid adds to one another, each well below its longest."""
    row = list[str]()
    for value in values:
        row.append(value)
        if len(row) == 20:
            yield f"acl {name} {kind} {' '.join(row)}"
            row = []
    if row:
        yield f"acl {name} {kind} {' '.join(row)}"


def _domain(name: str) -> str:
    return f".{name.removeprefix('*.')}" if name.startswith("*.") else name


def _shortest(domains: Iterable[str]) -> list[str]:
    """Return *domains* without those that another one already stands for."""
    found = set(domains)
    wide = [each for each in found if each.startswith(".")]
    return sorted(
        each
        for each in found
        if not any(each != other and f".{each.lstrip('.')}".endswith(other) for other in wide)
    )


def _pattern(name: str) -> str:
    parts = [re.escape(part).replace("\\-", "-") for part in name.split("*")]
    return f"^{'[a-z0-9.-]*'.join(parts)}$"
