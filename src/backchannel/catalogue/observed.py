"""The packet filtering table as a capture shows it, beside the sheet's.

Each flow that was claimed for a service gives the row of its opening packets and, over TCP, the
row of the answers. Flows with the same direction, transport and server port are one row. A row is
then looked for in the sheet: seen and in the sheet, seen and not in it, in it and not seen.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

import msgspec

from backchannel.catalogue.model import FilterRow
from backchannel.catalogue.page import ACK, FILTER_COLUMNS, Page, Section, port
from backchannel.model import Capability, Endpoint

Network = IPv4Network | IPv6Network
Way = Literal["out", "in", "inside", "outside"]
"""Who opens to whom: outward, inward, or with both ends on one side of the border."""
State = Literal["as-the-sheet", "not-in-sheet", "not-seen"]
SHOWN = 3
"""Hosts that a row names; how many more there are is counted."""

PRIVATE: tuple[Network, ...] = tuple(
    ip_network(prefix)
    for prefix in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""What counts as inside unless told otherwise. Sources: RFC 1918, RFC 6598, RFC 4193."""


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed flow, as far as the table needs it."""

    transport: str
    """`tcp`, `udp`, `esp` or `ah`."""
    client: Endpoint
    server: Endpoint
    begun: bool = True
    """False where the opening was not captured, so that who opened it is not known."""
    carrier: str = ""
    """The protocols around it, such as `socks5`; empty for a flow of its own."""
    capabilities: frozenset[Capability] = frozenset()


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of both tables together."""

    state: State
    direction: str
    source: str
    destination: str
    transport: str
    source_port: str
    destination_port: str
    ack: str
    flows: int = 0
    what: str = ""
    note: str = ""


def networks(prefixes: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks that *prefixes* name; raises ValueError for what is no prefix."""
    return tuple(ip_network(prefix.strip(), strict=False) for prefix in prefixes)


def compare(
    flows: Iterable[Flow], sheet: Sequence[FilterRow], inside: Sequence[Network] = PRIVATE
) -> tuple[Row, ...]:
    """Return what was seen, row by row with the sheet's word on it, then what was not seen."""
    groups = dict[tuple[Way, str, int, str, bool], list[Flow]]()
    for flow in flows:
        key = (_way(flow, inside), flow.transport, flow.server.port, flow.carrier, flow.begun)
        groups.setdefault(key, []).append(flow)
    rows, used = list[Row](), set[int]()
    for (way, *_), members in sorted(groups.items()):
        rows += _rows(way, members, sheet, used)
    rows += [_unseen(row) for place, row in enumerate(sheet) if place not in used]
    return tuple(rows)


def _way(flow: Flow, inside: Sequence[Network]) -> Way:
    ends = tuple(_is_in(end.address, inside) for end in (flow.client, flow.server))
    ways: dict[tuple[bool, ...], Way] = {
        (True, False): "out",
        (False, True): "in",
        (True, True): "inside",
        (False, False): "outside",
    }
    return ways[ends]


def _is_in(address: str, inside: Sequence[Network]) -> bool:
    parsed = ip_address(address.split("%", 1)[0])
    return any(parsed.version == network.version and parsed in network for network in inside)


def _rows(way: Way, flows: list[Flow], sheet: Sequence[FilterRow], used: set[int]) -> list[Row]:
    """Return the opening row of like flows and, over TCP, the row of the answers."""
    first, tcp = flows[0], flows[0].transport == "tcp"
    match = None if first.carrier else _match(way, flows, sheet)
    if match is None and not first.begun and not first.carrier:
        # Who opened it is not known, so the sheet may have it the other way round.
        match = _match(way, flows, sheet, turned=True)
    answers = [] if first.carrier else _answers(way, flows, sheet)
    used.update(answers if match is None else (match, *answers))
    opening = Row(
        state="not-in-sheet" if match is None else "as-the-sheet",
        direction=way,
        source=_hosts({flow.client.address for flow in flows}),
        destination=_hosts({flow.server.address for flow in flows}),
        transport=first.transport,
        source_port=_span({flow.client.port for flow in flows}),
        destination_port=_span({first.server.port}),
        ack=("first-no" if first.begun else "yes") if tcp else "none",
        flows=len(flows),
        what=_what(flows) if match is None else sheet[match].what,
        note=_note(first),
    )
    if not tcp:
        return [opening]
    back = msgspec.structs.replace(
        opening,
        direction={"out": "in", "in": "out"}.get(way, way),
        source=opening.destination,
        destination=opening.source,
        source_port=opening.destination_port,
        destination_port=opening.source_port,
        ack="yes",
        what=sheet[answers[0]].what if answers else "answers",
    )
    return [opening, back]


def _match(
    way: str, flows: list[Flow], sheet: Sequence[FilterRow], *, turned: bool = False
) -> int | None:
    """Return the place of the row that says most exactly what these flows are, or None."""
    clients, servers = {flow.client.port for flow in flows}, {flow.server.port for flow in flows}
    if turned:
        clients, servers = servers, clients
    used = frozenset[Capability]().union(*(flow.capabilities for flow in flows))
    fitting = [
        (row.capability not in used, _width(row.destination_port), place)
        for place, row in enumerate(sheet)
        if row.transport == flows[0].transport
        and row.ack != "yes"
        and _fits_way(row.direction, way)
        and _fits(row.source_port, clients)
        and _fits(row.destination_port, servers)
    ]
    return min(fitting)[2] if fitting else None


def _answers(way: str, flows: list[Flow], sheet: Sequence[FilterRow]) -> list[int]:
    """Return the places of the rows that describe the answers to these flows."""
    back = {"out": "in", "in": "out"}.get(way, way)
    clients, servers = {flow.client.port for flow in flows}, {flow.server.port for flow in flows}
    return [
        place
        for place, row in enumerate(sheet)
        if row.transport == flows[0].transport
        and row.ack in ("yes", "none")
        and row.direction != "both"
        and _fits_way(row.direction, back)
        and _fits(row.source_port, servers)
        and _fits(row.destination_port, clients)
        and (row.ack == "yes" or _width(row.source_port) < 1 << 10)
    ]


def _fits_way(direction: str, way: str) -> bool:
    """Between two ends on one side of the border, the sheet's directions cannot be told."""
    return direction in ("both", way) or way in ("inside", "outside")


def _fits(spec: str, ports: set[int]) -> bool:
    if spec == "any":
        return True
    spans = _spans(spec)
    return all(any(low <= port <= high for low, high in spans) for port in ports)


def _spans(spec: str) -> list[tuple[int, int]]:
    """Return the ranges that a sheet's port column names; what is no number fits nothing."""
    spans = []
    for part in spec.split(","):
        low, _, high = part.strip().partition("-")
        if low.isdigit() and (high or low).isdigit():
            spans.append((int(low), int(high or low)))
    return spans


def _width(spec: str) -> int:
    return 1 << 16 if spec == "any" else sum(high - low + 1 for low, high in _spans(spec))


def _hosts(addresses: set[str]) -> str:
    shown = sorted(addresses)
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ", ".join(shown[:SHOWN]) + more


def _span(ports: set[int]) -> str:
    low, high = min(ports), max(ports)
    if not high:
        return "any"
    return str(low) if low == high else f"{low}-{high}"


def _what(flows: list[Flow]) -> str:
    used = frozenset[Capability]().union(*(flow.capabilities for flow in flows))
    return ", ".join(sorted(used))


def _note(flow: Flow) -> str:
    if flow.carrier:
        return f"inside {flow.carrier}"
    return "" if flow.begun else "the opening was not captured"


def _unseen(row: FilterRow) -> Row:
    return Row(
        state="not-seen",
        direction=row.direction,
        source=row.source,
        destination=row.destination,
        transport=row.transport,
        source_port=row.source_port,
        destination_port=row.destination_port,
        ack=row.ack,
        what=row.what,
        note=row.note,
    )


_TITLES: dict[State, str] = {
    "as-the-sheet": "Seen, as the sheet says",
    "not-in-sheet": "Seen, and not in the sheet",
    "not-seen": "In the sheet, and not seen here",
}


def page(service: str, title: str, rows: Sequence[Row]) -> Page:
    """Return both tables of one service as a page."""
    sections = [_section(state, [row for row in rows if row.state == state]) for state in _TITLES]
    counts = ", ".join(
        f"{sum(row.state == state for row in rows)} {words.lower()}"
        for state, words in _TITLES.items()
    )
    return Page(
        id=service,
        title=title,
        about=f"packet filtering: {counts}",
        sections=tuple(section for section in sections if section.rows),
    )


def _section(state: State, rows: Sequence[Row]) -> Section:
    return Section(
        title=_TITLES[state],
        below=frozenset({"what", "notes"}),
        columns=(*FILTER_COLUMNS, "flows", "what", "notes"),
        rows=tuple(
            (
                row.direction,
                row.transport.upper(),
                row.source,
                port(row.source_port),
                row.destination,
                port(row.destination_port),
                ACK[row.ack],
                str(row.flows or ""),
                row.what,
                row.note,
            )
            for row in rows
        ),
    )
