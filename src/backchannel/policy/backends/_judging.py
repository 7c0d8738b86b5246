"""How much of a line a filter of addresses and ports can enforce, in words its author can use.

`enforces` of a `deny` means: not on another port either, nor through a proxy. Only a default of
`deny` that leaves these parties no other way on the same carrier can say that.
"""

import textwrap
from collections.abc import Iterator

import msgspec

from backchannel.listed import listed
from backchannel.policy.backends._reading import Entry, Standing, free, known, reading
from backchannel.policy.backends._signatures import signatures
from backchannel.policy.backends._words import about
from backchannel.policy.compile import Judgement
from backchannel.policy.model import Line, Ports, Rules, Use
from backchannel.policy.parties import versions

ENFORCES = Judgement("enforces")
NAMED = 3
"""So many ports or lines are named in a sentence; of more the number is told."""


class Speaks(msgspec.Struct, frozen=True):
    """What a firewall's language can say besides addresses and ports."""

    hours: bool = False
    hours_but: str = ""
    """Where it can say hours: in what they may differ from the policy's."""
    interfaces: bool = False
    wildcard: str = ""
    """What ends an interface's name that stands for every name beginning so."""
    alerts: bool = False
    stateless: bool = False
    """It does not know who opened a flow."""
    closes: bool = True
    """A default of `deny` leaves nothing else open; False where other rules stay in force."""


def entries(rules: Rules, speaks: Speaks) -> Iterator[Entry]:
    """Yield what a firewall that *speaks* so writes down, in order."""
    read = reading(rules, stateless=speaks.stateless)
    return (
        entry
        for entry in read.entries()
        if versions(entry.opener, entry.called) and not unsaid(entry.line, speaks)
    )


def commented(rules: Rules, speaks: Speaks, *, back: bool) -> Iterator[tuple[list[str], Entry]]:
    """Yield `entries`, and with the first of each line the comment that belongs above it.

    *back*: for packets that answer, of which nothing is told; the comment is the line's name.
    """
    said = ""
    for entry in entries(rules, speaks):
        name = entry.line.name
        if back and entry.line.action == "alert":
            continue
        comment = [] if name == said else [f"# {name}"] if back else about(entry.line)
        said = name
        yield comment, entry


def silent(rules: Rules, speaks: Speaks) -> list[str]:
    """Return a comment that names the lines which became no rule; nothing if there are none."""
    written = {entry.line.name for entry in entries(rules, speaks)}
    names = [line.name for line in rules.lines if line.name not in written]
    why = "Without a rule of their own, as a gap or an earlier line says all of them: "
    return textwrap.wrap(why + ", ".join(names), 98, break_on_hyphens=False) if names else []


def unsaid(line: Line, speaks: Speaks) -> str:
    """Return why *line* cannot be written at all; empty where it can."""
    if line.hours and not speaks.hours:
        return "it has no rules by hours"
    doors = (*line.ours.interfaces, *line.theirs.interfaces)
    if doors and not speaks.interfaces:
        return "its rules name addresses, not interfaces"
    if speaks.wildcard and any(name.endswith(speaks.wildcard) for name in doors):
        return f"a name ending in {speaks.wildcard} means every interface whose name begins so"
    if line.action == "alert" and not speaks.alerts:
        return "it cannot report a flow and leave it to the next rules"
    return ""


def judge(rules: Rules, line: Line, use: Use, speaks: Speaks) -> Judgement:
    """Return what a firewall that *speaks* so can do for *use* of *line*."""
    if why := unsaid(line, speaks):
        return Judgement("cannot", why, "nftables, iptables")
    read = reading(rules, stateless=speaks.stateless)
    if line.action != "alert" and read.moot(line, use):
        return ENFORCES  # an earlier line has said all there is
    standing = read.standing(line, use)
    if line.action == "allow":
        judgement = _allow(rules, use)
    elif line.action == "alert":
        judgement = _alert(use, standing)
    elif rules.default == "deny" and speaks.closes:
        judgement = _deny_in_deny(use, standing)
    else:
        judgement = _deny_in_allow(use, standing)
    if line.hours and speaks.hours_but and judgement.level == "enforces":
        return Judgement("partly", speaks.hours_but, "the same hours in UTC")
    return judgement


def _allow(rules: Rules, use: Use) -> Judgement:
    if rules.default == "allow" or not free(use):
        return ENFORCES
    if not known(use):
        return Judgement(
            "cannot",
            f"it picks {_carriers(use)} ports that nobody knows beforehand, and the default closes",
            by_content(use),
        )
    why = f"{_carriers(use)} ports that it picks by itself stay closed"
    return Judgement("partly", why, f"lets {listed(known(use))} pass")


def _alert(use: Use, standing: Standing) -> Judgement:
    if not standing.met:
        return Judgement("cannot", _not_met(use, standing), by_content(use))
    ports = listed(standing.met)
    why = f"reports whatever opens {ports}, and nothing on other ports or through proxies"
    return Judgement("partly", why, f"reports {ports}")


def _deny_in_allow(use: Use, standing: Standing) -> Judgement:
    if not standing.met:
        return Judgement("cannot", _not_met(use, standing), by_content(use))
    clauses = [f"closes only {listed(standing.met)}: it passes on other ports and through proxies"]
    clauses += _left(standing)
    if free(use):
        clauses.append(f"it picks other {_carriers(use)} ports by itself")
    return Judgement("partly", "; ".join(clauses), by_content(use))


def _deny_in_deny(use: Use, standing: Standing) -> Judgement:
    if standing.shared and not standing.met and not free(use):
        return Judgement("cannot", _not_met(use, standing), by_content(use))
    clauses = _left(standing)
    if standing.ways and not clauses:
        clauses.append(
            f"it passes on ports that are open, and through proxies: {listed(standing.ways)}"
        )
    return Judgement("partly", "; ".join(clauses), by_content(use)) if clauses else ENFORCES


def by_content(use: Use) -> str:
    """Return which backends know *use* by more than its ports."""
    readers = ["guard"] * bool(use.protocols) + ["suricata"] * bool(signatures(use))
    if readers:
        return f"{', '.join(readers)}: by content"
    return "dns-rpz, squid: by host names" if use.names else ""


def _left(standing: Standing) -> list[str]:
    left = [f"left open for {who}: {listed(ports)}" for who, ports in _by_holder(standing)]
    if standing.passed:
        left.append(f"an earlier line allows {listed(standing.passed)}")
    return left


def _not_met(use: Use, standing: Standing) -> str:
    if not standing.shared:
        picks = f"it picks {_carriers(use)} ports that nobody knows beforehand"
        return picks if free(use) else "no port of it is known"
    clauses = [f"{listed(ports)} with {who}" for who, ports in _by_holder(standing)]
    return f"shares {', '.join(clauses)}, and a port filter cannot tell them apart"


def _by_holder(standing: Standing) -> Iterator[tuple[str, list[Ports]]]:
    """Yield who has ports that a `deny` leaves open, and which; of many, the first few."""
    holders = dict[str, list[Ports]]()
    for ports, who in standing.shared:
        holders.setdefault(who, []).append(ports)
    yield from list(holders.items())[:NAMED]


def _carriers(use: Use) -> str:
    return " and ".join(carrier.upper() for carrier in free(use))
