"""What the kernel does of its own: texts for nft and iptables-restore.

    hook    priority   what
    ...     mangle-10  nft: decided connections pass, are dropped or rejected; never-block ones pass
    ...     mangle     iptables: the undecided rest goes to the queue
    ...     mangle+1   nft: the verdict on a packet becomes its connection's mark, and is acted on

The queue rule is iptables' because kernels without `nft queue` are about; everything else is one
table of nft, loaded in one transaction. A connection with `closed` goes to a queue of its own,
whose packets the kernel drops, not passes, when nobody reads it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from backchannel.enforce.marks import Marks
from backchannel.policy.model import Lifeline, Networks, Party, Rules

Hook = Literal["forward", "input", "output"]
State = Literal["guarding", "failed"]
TABLE = "backchannel_guard"
CHAIN = "BACKCHANNEL_GUARD"
BEFORE, AFTER = -160, -149
COUNTERS = (
    "known_passed",
    "known_dropped",
    "known_reset",
    "never_blocked",
    "closed_dropped",
    "undecided",
    "empty_passed",
)

_EMPTY = re.compile(r"^\tchain \w+ \{\n(\t\ttype .*\n)?\t\}$", re.MULTILINE)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be loaded."""

    rules: Rules
    hooks: tuple[Hook, ...] = ("forward",)
    queue: int = 0
    """Number of the queue that fails open; the next one fails closed."""
    marks: Marks = Marks()
    spare_empty: bool = True
    """TCP packets that only acknowledge do not come to the queue. Needs Linux 5.16 (`@ih`)."""

    @property
    def closes(self) -> bool:
        """Whether any line wants traffic held up while the guard is not there."""
        return any(
            line.action == "deny" and line.on_failure == "closed" for line in self.rules.lines
        )


def nft(plan: Plan, state: State = "guarding") -> str:
    """Return the text for `nft -f`: the whole table, in place of one that may be there."""
    return f"table inet {TABLE}\ndelete table inet {TABLE}\n{_table(plan, state)}"


def nft_renewal(plan: Plan) -> str:
    """Return the text that puts other rules into the table while the guard is there.

    The chains that hang on hooks stay: the kernel drops what waits in a queue when one goes.
    Counters go on.
    """
    parts = [f"table inet {TABLE} {{"]
    for version in ("ip", "ip6"):
        parts += [f"\tset never_{version} {{", f"\t\t{_SETS[version]}", "\t}"]
    parts += ["}", f"flush table inet {TABLE}"]
    parts += [f"flush set inet {TABLE} never_{version}" for version in ("ip", "ip6")]
    return "\n".join([*parts, _table(plan, "guarding")])


def _table(plan: Plan, state: State) -> str:
    parts = [f"table inet {TABLE} {{"]
    parts += [f"\tcounter {name} {{ }}" for name in COUNTERS]
    parts += _sets(plan.rules)
    parts += _chain("refuse", _refuse())
    parts += _chain("never", _never(plan))
    if plan.spare_empty:
        parts += _chain("empty", _empty(plan.marks))
    parts += _chain("known", _known(plan, state))
    for hook in plan.hooks:
        base = f"type filter hook {hook} priority"
        loop = {"input": ['iif "lo" accept'], "output": ['oif "lo" accept']}.get(hook, [])
        parts += _chain(f"before_{hook}", [f"{base} {BEFORE}; policy accept;", *loop, "jump known"])
        if state == "guarding":
            parts += _chain(
                f"after_{hook}", [f"{base} {AFTER}; policy accept;", *_verdicts(plan.marks)]
            )
    return "\n".join([*parts, "}", ""])


def nft_removal() -> str:
    """Return the text that takes the table away, also where it is not there."""
    return f"table inet {TABLE}\ndelete table inet {TABLE}\n"


def mangle(plan: Plan, version: Literal[4, 6]) -> str:
    """Return the text for `iptables-restore --noflush` that sends the undecided to the queue."""
    marks = plan.marks
    icmp = "icmp" if version == 4 else "ipv6-icmp"
    closed = f"{marks.closed:#x}/{marks.closed:#x}"
    rules = [
        f"-m connmark --mark {marks.passes:#x}/{marks.mask:#x} -j RETURN",
        f"-p {icmp} -j RETURN",
        f"-m mark --mark {marks.empty:#x}/{marks.empty:#x} -j RETURN",
        f"-m connmark --mark {closed} -j NFQUEUE --queue-num {plan.queue + 1}",
        f"-j NFQUEUE --queue-num {plan.queue} --queue-bypass",
    ]
    jumps = {
        "forward": f"-I FORWARD -j {CHAIN}",
        "input": f"-I INPUT ! -i lo -j {CHAIN}",
        "output": f"-I OUTPUT ! -o lo -j {CHAIN}",
    }
    lines = [f":{CHAIN} - [0:0]", *(f"-A {CHAIN} {rule}" for rule in rules)]
    lines += [jumps[hook] for hook in plan.hooks]
    return "\n".join(["*mangle", *lines, "COMMIT", ""])


def mangle_pause() -> str:
    """Return what empties the chain that `mangle` made: nothing goes to the queue any more."""
    return f"*mangle\n-F {CHAIN}\nCOMMIT\n"


def mangle_removal(saved: Iterable[str]) -> str:
    """Return what undoes `mangle`, given the lines of `iptables-save -t mangle`; "" for nothing."""
    lines = list(saved)
    if not any(line.startswith(f":{CHAIN} ") for line in lines):
        return ""
    undo = [f"-D{line.removeprefix('-A')}" for line in jumps(lines)]
    return "\n".join(["*mangle", *undo, f"-F {CHAIN}", f"-X {CHAIN}", "COMMIT", ""])


def mangled(saved: str, text: str, *, guarded: bool) -> bool:
    """Say whether `iptables-save -t mangle` shows all that *text* of `mangle` made; without
    *guarded* the chain may be empty, as `mangle_pause` leaves it.
    """
    lines = saved.splitlines()
    filled = sum(line.startswith(f"-A {CHAIN} ") for line in lines)
    return len(jumps(lines)) >= text.count(f"-j {CHAIN}\n") and (
        not guarded or filled >= text.count(f"-A {CHAIN} ")
    )


def emptied(listed: str) -> bool:
    """Say whether a chain has lost its rules, given `nft list table`: each of ours has some."""
    return _EMPTY.search(listed) is not None


def jumps(saved: Iterable[str]) -> list[str]:
    """Return the rules that lead into the chain of `mangle`, given `iptables-save -t mangle`."""
    return [line for line in saved if line.startswith("-A ") and line.endswith(f"-j {CHAIN}")]


def queues(saved: Iterable[str]) -> set[int]:
    """Return the queues that the rules of `mangle` name, given `iptables-save -t mangle`."""
    rules = (line.split() for line in saved if line.startswith(f"-A {CHAIN} "))
    return {int(words[words.index("--queue-num") + 1]) for words in rules if "NFQUEUE" in words}


# -- chains ----------------------------------------------------------------------------------------


def _chain(name: str, rules: Iterable[str]) -> list[str]:
    return [f"\tchain {name} {{", *(f"\t\t{rule}" for rule in rules), "\t}"]


def _refuse() -> list[str]:
    return [
        "tcp flags & rst == rst accept",  # ours to the other end, or its own: the end of it
        "counter name known_reset",
        "meta l4proto tcp reject with tcp reset",
        "reject with icmpx type port-unreachable",
    ]


def _never(plan: Plan) -> list[str]:
    """The connection passes, and is not asked for again."""
    marks = plan.marks
    return [
        "counter name never_blocked",
        f"ct mark set ct mark & {_inverse(marks.mask):#x} | {marks.passes:#x}",
        "accept",
    ]


def _known(plan: Plan, state: State) -> Iterator[str]:
    marks = plan.marks
    yield f"ct mark & {marks.mask:#x} == {marks.passes:#x} counter name known_passed accept"
    for match in _lifelines(plan.rules.lifelines):
        yield f"{match} goto never"
    for version, nets in _by_version(plan.rules.never_block):
        if nets:
            yield f"{version} saddr @never_{version} goto never"
            yield f"{version} daddr @never_{version} goto never"
    yield f"ct mark & {marks.mask:#x} == {marks.drops:#x} counter name known_dropped drop"
    yield f"ct mark & {marks.mask:#x} == {marks.resets:#x} goto refuse"
    then = (
        f"ct mark set ct mark | {marks.closed:#x}"
        if state == "guarding"
        else "counter name closed_dropped drop"
    )
    for match in dict.fromkeys(_closed(plan.rules)):
        yield f"{match} {then}".strip()
    if plan.spare_empty and state == "guarding":
        yield "tcp flags & (fin | syn | rst) == 0 jump empty"
        yield f"meta mark & {marks.empty:#x} != 0 accept"
    yield "meta l4proto != { icmp, ipv6-icmp } counter name undecided"


def _empty(marks: Marks) -> list[str]:
    return [
        "@ih,0,8 0-255 return",  # there is a byte behind the TCP header
        f"meta mark set meta mark | {marks.empty:#x}",
        "counter name empty_passed",
    ]


def _verdicts(marks: Marks) -> list[str]:
    keep = f"ct mark set ct mark & {_inverse(marks.mask):#x} |"
    match = f"meta mark & {marks.mask:#x}"
    clear = f"meta mark set meta mark & {_inverse(marks.mask | marks.empty):#x}"
    return [
        f"meta mark & {marks.mask | marks.empty:#x} == 0 accept",  # nearly all of them
        f"meta mark & {marks.empty:#x} != 0 {clear} accept",
        f"{match} == {marks.passes:#x} {keep} {marks.passes:#x} {clear} accept",
        f"{match} == {marks.drops:#x} {keep} {marks.drops:#x} counter name known_dropped drop",
        f"{match} == {marks.resets:#x} {keep} {marks.resets:#x} {clear} goto refuse",
    ]


def _inverse(mask: int) -> int:
    return ~mask & 0xFFFFFFFF


# -- who -------------------------------------------------------------------------------------------


def _by_version(networks: Networks) -> list[tuple[str, Sequence[object]]]:
    return [("ip", networks.v4), ("ip6", networks.v6)]


_SETS = {
    "ip": "type ipv4_addr; flags interval; auto-merge",
    "ip6": "type ipv6_addr; flags interval; auto-merge",
}


def _sets(rules: Rules) -> Iterator[str]:
    """Yield the sets of addresses that chains speak of."""
    for version, nets in _by_version(rules.never_block):
        if nets:
            inside = ", ".join(map(str, nets))
            yield f"\tset never_{version} {{"
            yield f"\t\t{_SETS[version]}; elements = {{ {inside} }}"
            yield "\t}"


def _lifelines(lifelines: Iterable[Lifeline]) -> Iterator[str]:
    """Yield matches of both directions of connections that must never be cut."""
    for line in lifelines:
        for there, back in _pairs(line.client, line.server):
            if line.ports.low:
                ports = f"{line.ports.low}-{line.ports.high}".removesuffix(f"-{line.ports.low}")
                yield f"{there} {line.ports.carrier} dport {ports}".strip()
                yield f"{back} {line.ports.carrier} sport {ports}".strip()
            else:
                yield f"{there} meta l4proto {line.ports.carrier}".strip()
                yield f"{back} meta l4proto {line.ports.carrier}".strip()


def _closed(rules: Rules) -> Iterator[str]:
    """Yield matches of what must not pass while the guard is not there."""
    for line in rules.lines:
        if line.action == "deny" and line.on_failure == "closed":
            for opens, called in line.openings():
                for there, back in _pairs(opens, called):
                    yield there
                    yield back


def _pairs(client: Party, server: Party) -> Iterator[tuple[str, str]]:
    """Yield matches (client to server, server to client), one for each version of IP."""
    for version, kind in (("ip", "v4"), ("ip6", "v6")):
        ends = [_addresses(getattr(party.networks, kind), party) for party in (client, server)]
        if None in ends:
            continue
        if version == "ip6" and not any(ends):
            continue  # no end names addresses: the match above holds for both versions
        yield (
            _match(version, ends[0], ends[1], client, server),
            _match(version, ends[1], ends[0], server, client),
        )


def _addresses(nets: Sequence[object], party: Party) -> str | None:
    """Return the right side of a match: "" for any address, None where there is none."""
    if party.networks.any:
        return ""
    return f"{{ {', '.join(map(str, nets))} }}" if nets else None


def _match(version: str, source: str | None, target: str | None, here: Party, there: Party) -> str:
    parts = []
    if here.interfaces:
        parts.append(f"iifname {{ {', '.join(map(_quoted, here.interfaces))} }}")
    if there.interfaces:
        parts.append(f"oifname {{ {', '.join(map(_quoted, there.interfaces))} }}")
    if source:
        parts.append(f"{version} saddr {source}")
    if target:
        parts.append(f"{version} daddr {target}")
    return " ".join(parts)


def _quoted(name: str) -> str:
    """Return an interface's name for nft; the policy's reader has checked its characters."""
    return f'"{name}"'
