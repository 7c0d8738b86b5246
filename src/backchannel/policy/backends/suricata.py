"""Suricata: rules that know services by content, on whatever port.

A flow of a signature is refused with all it carries, so a signature acts for a `deny` only where
the policy lets none of that pass. Host names in DNS, TLS, QUIC and HTTP act for whole services.
`pass` comes before `drop` in Suricata whatever the order of rules, so exemptions need no order.
"""

import re
from collections.abc import Iterator

from backchannel.listed import listed
from backchannel.policy.backends._judging import ENFORCES, Speaks, unsaid
from backchannel.policy.backends._names import held, usable
from backchannel.policy.backends._reading import Reading, reading
from backchannel.policy.backends._signatures import SIGNATURES, Signature, signatures
from backchannel.policy.backends._words import about, heading, plain, slug, unused
from backchannel.policy.compile import File, Gap, Judgement
from backchannel.policy.model import Line, Party, Rules, Use

NAME = "suricata"
TITLE = "Suricata (inline, IPS mode)"
SPEAKS = Speaks(alerts=True, closes=False)
CLOSES = Judgement("cannot", "it refuses what it knows, and knows few services", "a packet filter")
HIDES = "its first bytes pass before they are recognised; encryption or very small segments hide it"
FIRST_SID = 1_900_001
"""Inside the range that is left to local rules, 1000000 to 1999999."""
LOAD = (
    "Check:   suricata -T -c suricata.yaml -S backchannel.rules",
    "         names in QUIC need Suricata 7, with its parser of QUIC switched on, as is usual",
    "Load:    rule-files: - backchannel.rules; the groups of backchannel-vars.yaml into vars:",
    "         address-groups: of suricata.yaml; suricatasc -c reload-rules. It must run inline.",
    "Remove:  take the file out of rule-files:; suricatasc -c reload-rules",
    "Watch:   event_type alert of EVE, signatures that begin with `backchannel`",
)
ACTIONS = {"allow": "pass", "alert": "alert", "drop": "drop", "reset": "reject"}


def judge(rules: Rules, line: Line, use: Use) -> Judgement:
    """Return what Suricata can do for *use* of *line*."""
    read = reading(rules)
    if why := unsaid(line, SPEAKS):
        return Judgement("cannot", why, "guard")
    if line.action == "allow" or (line.action == "deny" and read.moot(line, use)):
        return _allowed(read, line, use)
    acting = [each for each in signatures(use) if not _kept(read, line, each)]
    names = () if line.action == "alert" else _names(read, line, use)
    if acting or names:
        told = listed([*(each.name for each in acting), *names])
        return Judgement("partly", HIDES, f"by {told}")
    kept = [why for each in signatures(use) if (why := _kept(read, line, each))]
    if kept:
        return Judgement("cannot", f"its flows are also for {kept[0]}", "guard")
    why = "no signature of it is known"
    return Judgement("cannot", why, "guard" if use.protocols else "nftables: by its ports")


def emit(rules: Rules, gaps: tuple[Gap, ...]) -> tuple[File, ...]:
    """Return the rules, and the address groups that they name."""
    top, made = heading(rules, gaps, LOAD), _Rules(rules)
    rows = list(made.lines())
    groups = ["%YAML 1.1", "---", "vars:", "  address-groups:", *made.groups()]
    return (
        File("backchannel.rules", "\n".join([*top, "", *rows, ""])),
        File("backchannel-vars.yaml", "\n".join([*groups[:2], *top, *groups[2:], ""])),
    )


def _allowed(read: Reading, line: Line, use: Use) -> Judgement:
    for each in signatures(use):
        if (before := _refused_before(read, line, each)) is not None:
            why = f"line {before.name} before it refuses flows of the same signature, {each.name}"
            return Judgement("partly", why, "guard")
    return ENFORCES


def _kept(read: Reading, line: Line, signature: Signature) -> str:
    """Return what else flows of *signature* are for that the policy lets pass."""
    return read.beside(line, signature.carries) if line.action == "deny" else ""


def _refused_before(read: Reading, line: Line, signature: Signature) -> Line | None:
    for other in read.rules.lines:
        if other is line:
            return None
        acts = other.action == "deny" and signature.name in read.signed[other.name]
        if acts and read.meet(line, other) and not _kept(read, other, signature):
            return other
    return None


def _names(read: Reading, line: Line, use: Use) -> tuple[str, ...]:
    inward = line.direction == "in" or not line.theirs.everyone
    return () if inward or held(read, line, use) or read.moot(line, use) else usable(use)


class _Rules:
    def __init__(self, rules: Rules) -> None:
        self._rules, self._read = rules, reading(rules)
        self._named = dict[int, str]()
        self._parties = dict[str, Party]()
        self._sid = FIRST_SID

    def lines(self) -> Iterator[str]:
        for line in self._rules.lines:
            yield from about(line)
            if not unsaid(line, SPEAKS):
                yield from self._signed(line)
                yield from self._called(line)

    def groups(self) -> Iterator[str]:
        for name, party in self._parties.items():
            found = [str(net) for net in (*party.networks.v4, *party.networks.v6)]
            yield f'    {name}: "[{",".join(found)}]"'
        if not self._parties:
            yield '    BC_NOBODY: "[192.0.2.255]"  # there is no group'

    def _signed(self, line: Line) -> Iterator[str]:
        wanted = {
            each
            for use in line.uses
            if not (line.action == "deny" and self._read.moot(line, use))
            for each in signatures(use)
        }
        for each in SIGNATURES:
            if each not in wanted or _kept(self._read, line, each):
                continue
            if line.action == "allow" and not self._needed(line, each):
                continue
            for ends, flow in self._flows(line, each):
                options = f"{flow}{each.options}"
                yield self._rule(line, each.carrier, ends, each.name, options)

    def _needed(self, line: Line, signature: Signature) -> bool:
        """Return whether a later line would refuse what *line* lets pass, and no earlier one."""
        if _refused_before(self._read, line, signature) is not None:
            return False
        after = self._rules.lines[self._rules.lines.index(line) + 1 :]
        return any(
            other.action == "deny"
            and signature.name in self._read.signed[other.name]
            and self._read.meet(line, other)
            and not _kept(self._read, other, signature)
            for other in after
        )

    def _flows(self, line: Line, signature: Signature) -> Iterator[tuple[str, str]]:
        ours, theirs = self._end(line.ours), self._end(line.theirs)
        state = "established" if signature.carrier == "tcp" else ""
        if line.direction == "both":
            yield f"{ours} any <> {theirs} any", f"flow:{state}; " if state else ""
            return
        opener, called = (ours, theirs) if line.direction == "out" else (theirs, ours)
        if signature.carrier == "ip":
            yield f"{opener} any -> {called} any", ""
            return
        comma = f"{state}," if state else ""
        yield f"{opener} any -> {called} any", f"flow:{comma}to_server; "
        yield f"{called} any -> {opener} any", f"flow:{comma}to_client; "

    def _called(self, line: Line) -> Iterator[str]:
        """Yield the rules on host names."""
        if line.action == "alert":
            return
        names = sorted({name for use in line.uses for name in _names(self._read, line, use)})
        if line.action == "allow" and not any(
            other.action == "deny" and self._read.meet(line, other) for other in self._rules.lines
        ):
            return
        for name in names:
            ends = f"{self._end(line.ours)} any -> any any"
            for protocol, buffer in (
                ("dns", "dns.query"),
                ("tls", "tls.sni"),
                ("quic", "quic.sni"),
                ("http", "http.host"),
            ):
                yield self._rule(line, protocol, ends, f"{buffer} {name}", _match(buffer, name))

    def _rule(self, line: Line, protocol: str, ends: str, what: str, options: str) -> str:
        action = ACTIONS[line.action if line.action != "deny" else _refusal(line)]
        message = re.sub(r"[;:|]", " ", plain(f"backchannel {line.name} {what}", 120))
        sid, self._sid = self._sid, self._sid + 1
        return (
            f'{action} {protocol} {ends} (msg:"{message}"; {options} '
            f"classtype:policy-violation; sid:{sid}; rev:1;)"
        )

    def _end(self, party: Party) -> str:
        if party.everyone:
            return "any"
        if id(party.networks) not in self._named:
            made = unused(f"BC_{slug(party.label, 40).upper()}", self._parties)
            self._named[id(party.networks)] = made
            self._parties[made] = party
        return f"${self._named[id(party.networks)]}"


def _refusal(line: Line) -> str:
    return "drop" if line.refuse == "drop" else "reset"


def _match(buffer: str, name: str) -> str:
    """Return the keywords that find host *name* in *buffer*."""
    case = "" if buffer == "http.host" else " nocase;"  # it is in lower case already
    bare = name.removeprefix("*.")
    if "*" in bare:
        pattern = "[a-z0-9.-]*".join(
            re.escape(part).replace("\\-", "-") for part in name.split("*")
        )
        return f'{buffer}; pcre:"/^{pattern}$/i";'
    if bare != name:
        return f'{buffer}; dotprefix; content:".{bare}";{case} endswith;'
    return f'{buffer}; content:"{name}";{case} startswith; endswith;'
