"""iptables and ip6tables: chains of our own in `filter`, in the format of iptables-restore.

The chains are those of the nftables backend: `BACKCHANNEL` for packets of whoever opened the flow,
`BACKCHANNEL-BACK` for answers (docs/decisions/0010). One network is written into its rules; more
than one are a set of `ipset`, because thousands of rules in a row would stall every packet.
"""

from collections.abc import Iterator
from itertools import product

from backchannel.policy.backends import _judging
from backchannel.policy.backends._hours import MIDNIGHT, stretches
from backchannel.policy.backends._judging import Speaks, commented, silent
from backchannel.policy.backends._reading import Entry, parted
from backchannel.policy.backends._words import heading, interfaces, plain, short, slug, unused
from backchannel.policy.compile import File, Gap, Judgement
from backchannel.policy.document import WEEK
from backchannel.policy.model import Hours, Lifeline, Line, Networks, Party, Rules, Use
from backchannel.policy.parties import versions
from backchannel.policy.spans import Spans

NAME = "iptables"
TITLE = "iptables, ip6tables and ipset (Linux)"
CHAIN = "BACKCHANNEL"
BACK, OUT = f"{CHAIN}-BACK", f"{CHAIN}-OUT"
MOST_PORTS = 15
"""What `multiport` takes in one rule; a range counts twice."""
LOG_PREFIX = 29
SPEAKS = Speaks(
    hours=True,
    hours_but="the kernel reckons in UTC, days and hours alike",
    interfaces=True,
    wildcard="+",
    alerts=True,
)
LOAD = (
    "Load:    ipset restore -exist < backchannel.ipset      (where there is one, and first)",
    "         iptables-restore --noflush < backchannel.v4",
    "         ip6tables-restore --noflush < backchannel.v6",
    "Remove:  iptables -D for each of the three -I at the end; -F, then -X for our three chains;",
    "         the same with ip6tables; ipset destroy. Remove before loading again, or the built-in",
    "         chains jump to ours twice, which only costs time.",
    f"Watch:   iptables -vnL {CHAIN}",
)
_HOOKS = (
    f"-I FORWARD -j {CHAIN}",
    f"-I INPUT ! -i lo -j {CHAIN}",
    f"-I OUTPUT ! -o lo -j {OUT}",
)
_UNSEEN = "-m conntrack --ctstate NEW,INVALID,UNTRACKED"
_NOT_OPENING = "! --tcp-flags SYN,ACK SYN"
_REPLY = "-m conntrack --ctdir REPLY"


def judge(rules: Rules, line: Line, use: Use) -> Judgement:
    """Return what iptables can do for *use* of *line*."""
    return _judging.judge(rules, line, use, SPEAKS)


def emit(rules: Rules, gaps: tuple[Gap, ...]) -> tuple[File, ...]:
    """Return the sets, where there are any, and one file an IP version."""
    sets, top = _Sets(), heading(rules, gaps, LOAD, silent=silent(rules, SPEAKS))
    files = []
    for family in (4, 6):
        text = "\n".join([*top, "", *_Table(rules, sets, family).lines(), ""])
        files.append(File(f"backchannel.v{family}", text))
    if sets.made:
        files.insert(0, File("backchannel.ipset", "\n".join([*top, "", *sets.lines(), ""])))
    return tuple(files)


class _Sets:
    """Sets of `ipset`, for parties with more than one network of an IP version."""

    def __init__(self) -> None:
        self._names = dict[int, str]()
        self.made = dict[str, tuple[int, Networks]]()

    def match(self, party: Party, family: int, end: str) -> list[str]:
        """Return the match of the party's addresses at *end*, `src` or `dst`."""
        if party.networks.any:
            return []
        found = party.networks.v4 if family == 4 else party.networks.v6
        if len(found) == 1:
            return [f"-{end[0]} {found[0]}"]
        key = id(party.networks)
        if key not in self._names:
            taken = self._names.values()
            self._names[key] = unused(f"bc_{slug(party.label, 18)}", taken)
        name = f"{self._names[key]}_v{family}"
        self.made[name] = (family, party.networks)
        return [f"-m set --match-set {name} {end}"]

    def lines(self) -> Iterator[str]:
        """Yield each set's lines: filled beside the old one, then exchanged in one step."""
        for name, (family, networks) in sorted(self.made.items()):
            found = networks.v4 if family == 4 else networks.v6
            kind = f"hash:net family {'inet' if family == 4 else 'inet6'}"
            kind += f" maxelem {max(65_536, len(found))}"
            yield f"create {name} {kind}"
            yield f"create bc_new {kind}"
            yield from (f"add bc_new {net}" for net in found)
            yield f"swap bc_new {name}"
            yield "destroy bc_new"


class _Table:
    """The chains of one IP version."""

    def __init__(self, rules: Rules, sets: _Sets, family: int) -> None:
        self._rules, self._sets, self._family = rules, sets, family

    def lines(self) -> list[str]:
        return [
            "*filter",
            f":{CHAIN} - [0:0]",
            f":{BACK} - [0:0]",
            f":{OUT} - [0:0]",
            *self._decide(),
            *self._back(),
            *self._out(),
            *_HOOKS,
            "COMMIT",
        ]

    def _decide(self) -> Iterator[str]:
        for each in self._rules.lifelines:
            yield from self._lifeline(each)
        if self._rules.default == "deny":
            yield from self._needed()
        yield "# answers, and packets of flows whose opening was never seen"
        yield f"-A {CHAIN} {_REPLY} -j {BACK}"
        yield f"-A {CHAIN} {_REPLY} -j RETURN"
        yield f"-A {CHAIN} {_UNSEEN} -p tcp {_NOT_OPENING} --dport 1024:65535 -j {BACK}"
        yield f"-A {CHAIN} {_UNSEEN} -p udp --dport 1024:65535 -j {BACK}"
        yield from self._entries(back=False)
        if self._rules.default == "deny":
            yield f'-A {CHAIN} -m comment --comment "default: deny" -j DROP'

    def _out(self) -> Iterator[str]:
        """Yield what lets out resets and errors by which a line refuses: they look like answers."""
        icmp, kind = ("icmp", "icmp-type") if self._family == 4 else ("ipv6-icmp", "icmpv6-type")
        yield f"-A {OUT} -p tcp --tcp-flags RST RST -j RETURN"
        yield f"-A {OUT} -p {icmp} --{kind} destination-unreachable -j RETURN"
        yield f"-A {OUT} -j {CHAIN}"

    def _needed(self) -> Iterator[str]:
        """Yield what hosts need to find each other, and errors about flows that may be."""
        icmp = "icmp" if self._family == 4 else "ipv6-icmp"
        yield f"-A {CHAIN} -p {icmp} -m conntrack --ctstate RELATED -j RETURN"
        if self._family == 6:
            kinds = ["router-solicitation", "router-advertisement"]
            kinds += ["neighbour-solicitation", "neighbour-advertisement"]
            yield from (f"-A {CHAIN} -p ipv6-icmp --icmpv6-type {kind} -j RETURN" for kind in kinds)

    def _back(self) -> Iterator[str]:
        yield from self._entries(back=True)
        if self._rules.default == "deny":
            yield f'-A {BACK} {_REPLY} -m comment --comment "default: deny" -j DROP'

    def _entries(self, *, back: bool) -> Iterator[str]:
        for comment, entry in commented(self._rules, SPEAKS, back=back):
            yield from comment
            for ends, ports, window in product(
                self._ends(entry.opener, entry.called, back=back),
                _ports(entry, self._family, back=back),
                _windows(entry.line.hours),
            ):
                match = " ".join(filter(None, (ends, ports, window)))
                for verdict in self._verdicts(entry):
                    yield f"-A {BACK if back else CHAIN} {match} {verdict}"

    def _lifeline(self, each: Lifeline) -> Iterator[str]:
        yield f"# management, never cut off ({plain(each.place, 100)})"
        carrier = each.ports.carrier
        for back in (False, True):
            said = _carrier(carrier, self._family)
            if carrier in ("tcp", "udp"):
                said += (
                    f" --{'sport' if back else 'dport'} {_span(each.ports.low, each.ports.high)}"
                )
            if back:  # what only looks like an answer does not pass
                said += f" {_NOT_OPENING}" if carrier == "tcp" else f" {_REPLY}"
            for ends in self._ends(each.client, each.server, back=back):
                match = f"{ends} {said}".strip()
                yield f'-A {CHAIN} {match} -m comment --comment "management" -j ACCEPT'

    def _ends(self, opener: Party, called: Party, *, back: bool) -> list[str]:
        """Return the matches of the two ends, one for each pair of interfaces."""
        source, target = (called, opener) if back else (opener, called)
        if self._family not in versions(source, target):
            return []
        addresses = [
            *self._sets.match(source, self._family, "src"),
            *self._sets.match(target, self._family, "dst"),
        ]
        doors = product(_doors("-i", source), _doors("-o", target))
        return [" ".join([*filter(None, pair), *addresses]) for pair in doors]

    def _verdicts(self, entry: Entry) -> Iterator[str]:
        line = entry.line
        note = f'-m comment --comment "{short(line)}"'
        if line.action == "alert":
            prefix = f"bc {line.name}"[: LOG_PREFIX - 2]
            opening = "-m conntrack --ctstate NEW"
            yield f"{opening} {note}"  # counts them all
            yield (
                f"{opening} -m limit --limit 10/second --limit-burst 20 {note} "
                f'-j LOG --log-prefix "{prefix}: "'
            )
        elif line.action == "allow":
            yield f"{note} -j RETURN"  # what comes after ours may still refuse it
        else:
            yield f"{note} -j {self._refusal(entry)}"

    def _refusal(self, entry: Entry) -> str:
        if entry.line.refuse == "drop":
            return "DROP"
        prohibited = "icmp-admin-prohibited" if self._family == 4 else "icmp6-adm-prohibited"
        return f"REJECT --reject-with {'tcp-reset' if entry.carrier == 'tcp' else prohibited}"


def _doors(option: str, party: Party) -> list[str]:
    return [f"{option} {name}" for name in interfaces(party)] or [""]


def _carrier(carrier: str, family: int) -> str:
    return "-m ah" if (carrier, family) == ("ah", 6) else f"-p {carrier}"


def _ports(entry: Entry, family: int, *, back: bool) -> Iterator[str]:
    """Yield matches of the entry's ports; a packet going back has them as its source."""
    carrier = _carrier(entry.carrier, family)
    if entry.carrier not in ("tcp", "udp"):
        yield f"{carrier} {_REPLY}" if back else carrier
    elif not back:
        yield from (f"{carrier} {some}" for some in _chunks("dport", entry.ports))
    else:
        low, high = parted(entry.ports)
        yield from (f"{carrier} {some}" for some in _chunks("sport", low))
        yield from (f"{carrier} {some} {_REPLY}" for some in _chunks("sport", high))


def _chunks(field: str, ports: Spans) -> Iterator[str]:
    """Yield *ports* in as few matches as `multiport` allows."""
    chunk, size = list[tuple[int, int]](), 0
    for span in ports:
        weight = 2 if span[1] > span[0] else 1
        if size + weight > MOST_PORTS:
            yield _match(field, chunk)
            chunk, size = [], 0
        chunk.append(span)
        size += weight
    if chunk:
        yield _match(field, chunk)


def _match(field: str, chunk: list[tuple[int, int]]) -> str:
    if len(chunk) == 1:
        return f"--{field} {_span(*chunk[0])}"
    return f"-m multiport --{field}s {','.join(_span(*span) for span in chunk)}"


def _span(low: int, high: int) -> str:
    return f"{low}:{high}" if high > low else str(low)


def _windows(hours: Hours | None) -> Iterator[str]:
    if hours is None:
        yield ""
        return
    for days, start, end in stretches(hours):
        said = ["-m time"]
        if (start, end) != (0, MIDNIGHT):
            stop = end * 60 - 1
            clock = f"{stop // 3600:02}:{stop // 60 % 60:02}:{stop % 60:02}"
            said.append(f"--timestart {start // 60:02}:{start % 60:02}:00 --timestop {clock}")
        if len(days) < len(WEEK):
            said.append(f"--weekdays {','.join(day.capitalize() for day in days)}")
        yield " ".join(said) if len(said) > 1 else ""
