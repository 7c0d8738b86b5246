"""A first policy made from what a scan saw: observe, then decide.

It allows what was seen to the hosts that were seen doing it, tells of everything else those
services can do, and refuses nothing. Each rule says what the scan found and what could be refused.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address

from backchannel.catalogue.model import Service
from backchannel.model import Capability, Confidence
from backchannel.report.document import Document
from backchannel.report.document import Service as Row
from backchannel.report.words import count, size
from backchannel.text import escape

NAMED = 5
"""Captures that are named."""
MOST = 64
"""Hosts of one service that are listed one by one; more are told as networks of 256 (IPv6: /64)."""


def policy(document: Document, services: Mapping[str, Service], day: str) -> str:
    """Return the policy's text. *day* is when it was made."""
    seen = _by_service(document.services, services)
    names = ", ".join(escape(each.path) for each in document.inputs[:NAMED])
    if len(document.inputs) > NAMED:
        names += f" and {count(len(document.inputs) - NAMED, 'more capture')}"
    parts = [
        f"# Made on {day} from what a scan of {names or 'no capture'} saw.",
        "# It refuses nothing yet: read it, decide, uncomment `deny` or write it in place of",
        "# `allow` and `alert`, take out `mode: observe`, with which a guard refuses nothing, then",
        "#   backchannel policy check FILE     and     backchannel policy prove FILE",
        "policy: 1",
        "name: made from a scan",
        "default: allow",
        "guard: {mode: observe}",
        "# Name who administers the firewall, so that no rule can cut them off:",
        "# management: [{from: 10.0.0.5, port: tcp/22}]",
    ]
    if not seen:
        return "\n".join([*parts, "rules: []  # no service of the catalogue was seen", ""])
    parts += ["", "groups:"]
    parts += [f"  {service}-users: [{', '.join(_hosts(rows))}]" for service, rows in seen.items()]
    parts += ["", "rules:"]
    for service, rows in seen.items():
        parts += _rules(services[service], rows)
    return "\n".join(parts) + "\n"


def _by_service(rows: Iterable[Row], services: Mapping[str, Service]) -> dict[str, tuple[Row, ...]]:
    """Return the rows of each service that somebody was seen to use, not only to look up."""
    found = dict[str, tuple[Row, ...]]()
    sure = {each.word for each in Confidence if each >= Confidence.EXPECTED}
    for row in rows:
        if row.service in services and row.confidence in sure and row.hosts.clients:
            found[row.service] = (*found.get(row.service, ()), row)
    return dict(sorted(found.items()))


def _hosts(rows: Iterable[Row]) -> list[str]:
    """Return a service's users: of its clients those with private addresses, where any has one.
    The others are strangers who came from outside, as peers do.
    """
    clients = {ip_address(host) for row in rows for host in row.hosts.clients}
    hosts = {each for each in clients if each.is_private} or clients
    few = len(hosts) <= MOST
    fours = {
        IPv4Network((int(h), 32 if few else 24), strict=False) for h in hosts if h.version == 4
    }
    sixes = {
        IPv6Network((int(h), 128 if few else 64), strict=False) for h in hosts if h.version == 6
    }
    told = [str(net).removesuffix("/32") for net in collapse_addresses(fours)]
    return told + [f'"{net}"' for net in collapse_addresses(sixes)]


def _rules(service: Service, rows: tuple[Row, ...]) -> Iterator[str]:
    can = {ability.capability for ability in service.capabilities}
    used = sorted({name for row in rows for name in row.capabilities} & can)
    yield f"  # {service.name}: {_amount(rows)}; {', '.join(dict.fromkeys(r.stack for r in rows))}"
    exposed = {name: 0 for row in rows for name in row.exposed}
    for row in rows:
        for name, number in row.exposed.items():
            exposed[name] += number
    if exposed:
        told = ", ".join(f"{name} {number}" for name, number in sorted(exposed.items()))
        yield f"  # readable by anybody on the way: {told}"
    for measure in service.countermeasures[:2]:
        yield f"  # catalogue, {measure.id}: misses {_line(measure.misses)}"
    risky = [name for name in used if Capability(name) in _RISKY]
    if risky:
        yield f"  # - deny: {service.id}    # what carries most risk; take it out below, too"
        yield f"  #   capabilities: [{', '.join(risky)}]"
        yield "  #   best-effort: true    # where only ports can be filtered"
        if Capability.MESSAGE in used:
            yield "  #   refuse: decline    # by a guard: the messages go on"
    if used:
        yield f"  - allow: {service.id}"
        yield f"    name: {service.id}-as-seen"
        yield f"    capabilities: [{', '.join(used)}]"
        yield f"    from: {service.id}-users"
    yield f"  - alert: {service.id}"
    yield f"    name: {service.id}-anything-else"
    yield "    best-effort: true    # a packet filter tells of what its ports show"


_RISKY = {
    Capability.FILE_TRANSFER,
    Capability.FILE_SHARING,
    Capability.APP_SHARING,
    Capability.REMOTE_ASSISTANCE,
    Capability.TUNNEL,
}


def _amount(rows: tuple[Row, ...]) -> str:
    clients = {host for row in rows for host in row.hosts.clients}
    flows = sum(row.flows for row in rows)
    octets = sum(row.bytes for row in rows)
    return f"{count(len(clients), 'host')}, {count(flows, 'flow')}, {size(octets)}"


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
