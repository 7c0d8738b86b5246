"""DNS response policy zones: names of denied services do not exist, whatever port they would use.

Clients are told apart by views, because a zone's rules on names cannot say who asks. One zone is
written for each of our parties, whole in itself; the first line that speaks of a name decides. A
view whose clients are part of another's comes first.
"""

import re
from collections.abc import Iterator

from backchannel.policy.backends._judging import ENFORCES, Speaks, unsaid
from backchannel.policy.backends._names import held, usable
from backchannel.policy.backends._reading import Reading, reading
from backchannel.policy.backends._words import heading, plain, short, slug, unused
from backchannel.policy.compile import File, Gap, Judgement
from backchannel.policy.model import Line, Party, Rules, Use

NAME = "dns-rpz"
TITLE = "DNS response policy zones (BIND, Unbound, Knot, PowerDNS)"
SPEAKS = Speaks(closes=False)
CLOSES = Judgement(
    "cannot", "names that no line speaks of are answered as ever", "a packet filter beside it"
)
BYPASS = "whoever asks another resolver, or has the address, passes"
LOAD = (
    "Check:   named-checkconf backchannel-rpz.conf; named-checkzone NAME ZONE-FILE",
    "Load:    zone files beside the others, and the views as part of named.conf; rndc reload",
    "Remove:  take views and zones out again; rndc reload",
    "Needed:  a rule that lets nobody ask another resolver (port 53, 853, and DNS over HTTPS).",
)


def judge(rules: Rules, line: Line, use: Use) -> Judgement:
    """Return what an answering resolver can do for *use* of *line*."""
    read = reading(rules)
    if line.action == "alert":
        return Judgement("cannot", unsaid(line, SPEAKS), "guard, suricata")
    if line.action == "allow" or read.moot(line, use):
        return ENFORCES  # it refuses nothing else
    if why := _unsayable(read, line, use):
        return Judgement("cannot", why, "guard: by content" if use.protocols else "")
    names = usable(use)
    whole = [name for name in names if _sayable(name)]
    if not whole:
        why = f"DNS has no star inside a name's label: {', '.join(names)}"
        return Judgement("cannot", why, "squid, suricata")
    left = sorted(set(names) - set(whole))
    without = f"; no star inside a label can be said: {', '.join(left)}" if left else ""
    return Judgement("partly", BYPASS + without, f"no answer for {', '.join(whole[:3])}")


def emit(rules: Rules, gaps: tuple[Gap, ...]) -> tuple[File, ...]:
    """Return a zone for each of our parties, and the views that use them."""
    views = list(_views(rules))
    top = heading(rules, gaps, LOAD, ";")
    zones = [
        File(f"rpz-{name}.zone", "\n".join([*top, "", *_zone(rules, party), ""]))
        for name, party in views
    ]
    conf = [*heading(rules, gaps, LOAD, "//"), ""]
    for name, party in views:
        conf += _view(name, party)
    return (*zones, File("backchannel-rpz.conf", "\n".join([*conf, ""])))


def _unsayable(read: Reading, line: Line, use: Use) -> str:
    if line.direction == "in":
        return "names do not say who calls us"
    if line.hours or line.ours.interfaces or line.theirs.interfaces:
        return "a zone knows no hours and no interfaces"
    if not line.theirs.everyone:
        return "a name stands for all addresses of the service"
    return held(read, line, use)


def _sayable(name: str) -> bool:
    return "*" not in name.removeprefix("*.")


def _views(rules: Rules) -> Iterator[tuple[str, Party]]:
    """Yield our parties with a name for each, those inside others first; everybody at the end."""
    found = {
        id(line.ours.networks): line.ours
        for line in rules.lines
        if line.action != "alert" and not line.ours.interfaces and not line.ours.everyone
    }
    parties = list(found.values())
    everybody = next((line.ours for line in rules.lines if line.ours.everyone), Party("everybody"))
    inside = reading(rules).parties.inside
    parties.sort(key=lambda each: sum(inside(other, each) for other in parties))
    taken = set[str]()
    for party in [*parties, everybody]:
        base = slug(party.label, 30).lower().replace("_", "-")
        made = unused(base, taken, "-")
        taken.add(made)
        yield made, party


def _zone(rules: Rules, party: Party) -> Iterator[str]:
    """Yield the zone of *party*: each name as the first line decides that holds the party."""
    read, told = reading(rules), set[str]()
    day = re.sub(r"\D", "", rules.today) or "1"
    yield "$TTL 60"
    yield f"@ SOA localhost. hostmaster.localhost. ( {day}01 3600 600 86400 60 )"
    yield "@ NS localhost."
    for line in rules.lines:
        if line.action == "alert" or not read.parties.inside(party, line.ours):
            continue
        for use in line.uses:
            if _unsayable(read, line, use) or read.moot(line, use):
                continue
            for name in filter(_sayable, usable(use)):
                if name not in told:
                    told.add(name)
                    action = "." if line.action == "deny" else "rpz-passthru."
                    yield f"{name} CNAME {action} ; {short(line)}"


def _view(name: str, party: Party) -> Iterator[str]:
    networks = [*party.networks.v4, *party.networks.v6]
    rows = [str(net) for net in networks] if not party.networks.any else ["any"]
    yield f'view "{name}" {{ // {plain(party.label, 80)}'
    yield "    match-clients {"
    for at in range(0, len(rows), 6):
        yield f"        {'; '.join(rows[at : at + 6])};"
    yield "    };"
    yield f'    response-policy {{ zone "rpz-{name}"; }} qname-wait-recurse no;'
    yield f'    zone "rpz-{name}" {{'
    yield f'        type primary; file "rpz-{name}.zone"; allow-query {{ none; }};'
    yield "    };"
    yield "};"
