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
from backchannel.listed import listed
from backchannel.model import Capability, Endpoint

Network = IPv4Network | IPv6Network
Way = Literal["out", "in", "inside", "outside"]
"""Who opens to whom: outward, inward, or with both ends on one side of the border."""
State = Literal["as-the-sheet", "not-in-sheet", "not-seen"]

WIDE = 1 << 10
"""Ranges from this size on say nothing of the port: they fit nearly all there is."""

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
    """Return the networks that *prefixes* name; raises ValueError for anything else."""
    return tuple(ip_network(prefix.strip(), strict=False) for prefix in prefixes)


def compare(
    flows: Iterable[Flow], sheet: Sequence[FilterRow], inside: Sequence[Network] = PRIVATE
) -> tuple[Row, ...]:
    """Return what was seen, row by row with the sheet's word on it, then what was not seen."""
    groups = dict[tuple[Way, str, int, str, bool, int], list[Flow]]()
    for flow in flows:
        way = _way(flow, inside)
        place = _match(way, flow, sheet)
        key = (way, flow.transport, flow.server.port, flow.carrier, flow.begun, place)
        groups.setdefault(key, []).append(flow)
    rows, used = list[Row](), set[int]()
    for (way, *_, place), members in sorted(groups.items()):
        answers = [] if place < 0 else _answers(way, members[0], sheet)
        used.update((place, *answers))
        told = sheet[place] if place >= 0 else None
        movable = told is None and any(_may_move(row, members[0]) for row in sheet)
        rows += _rows(way, members, told, movable=movable)
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


def _rows(way: Way, flows: list[Flow], told: FilterRow | None, *, movable: bool) -> list[Row]:
    """Return the opening row of like flows and, over TCP, the row of the answers.

    *told* is what the sheet says of them, or None; *movable*: it names them, on another port that
    can be changed.
    """
    first, tcp = flows[0], flows[0].transport == "tcp"
    opening = Row(
        state="not-in-sheet" if told is None else "as-the-sheet",
        direction=way,
        source=listed(sorted({flow.client.address for flow in flows})),
        destination=listed(sorted({flow.server.address for flow in flows})),
        transport=first.transport,
        source_port=_span({flow.client.port for flow in flows}),
        destination_port=_span({first.server.port}),
        ack=("first-no" if first.begun else "yes") if tcp else "none",
        flows=len(flows),
        what=_what(flows) if told is None else told.what,
        note=_note(first, told, movable=movable),
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
        what="answers",
        note="",
    )
    return [opening, back]


def _match(way: Way, flow: Flow, sheet: Sequence[FilterRow]) -> int:
    """Return the place of the row that says most exactly what this flow is; -1 for none."""
    if flow.carrier:
        return -1
    # Where the opening was not captured, the sheet may have it the other way round.
    for client, server in ((flow.client, flow.server), (flow.server, flow.client)):
        fitting = [
            (row.capability not in flow.capabilities, _width(row.destination_port), place)
            for place, row in enumerate(sheet)
            if row.transport == flow.transport
            and row.ack != "yes"
            and _fits_way(row.direction, way)
            and _fits(row.source_port, client.port)
            and _fits(row.destination_port, server.port)
        ]
        if fitting:
            return min(fitting, key=lambda found: (found[1] >= WIDE, *found))[2]
        if flow.begun:
            break
    return -1


def _answers(way: Way, flow: Flow, sheet: Sequence[FilterRow]) -> list[int]:
    """Return the places of the rows that describe the answers to this flow."""
    back = {"out": "in", "in": "out"}.get(way, way)
    return [
        place
        for place, row in enumerate(sheet)
        if row.transport == flow.transport
        and row.ack in ("yes", "none")
        and row.direction != "both"
        and _fits_way(row.direction, back)
        and _fits(row.source_port, flow.server.port)
        and _fits(row.destination_port, flow.client.port)
        and (row.ack == "yes" or _width(row.source_port) < WIDE)
    ]


def _fits_way(direction: str, way: str) -> bool:
    """Between two ends on one side of the border, the sheet's directions cannot be told."""
    return direction in ("both", way) or way in ("inside", "outside")


def _fits(spec: str, port: int) -> bool:
    return spec == "any" or any(low <= port <= high for low, high in _spans(spec))


def _spans(spec: str) -> list[tuple[int, int]]:
    """Return the ranges that a sheet's port column names; what is not a number matches nothing."""
    spans = []
    for part in spec.split(","):
        low, _, high = part.strip().partition("-")
        if low.isdigit() and (high or low).isdigit():
            spans.append((int(low), int(high or low)))
    return spans


def _width(spec: str) -> int:
    return 1 << 16 if spec == "any" else sum(high - low + 1 for low, high in _spans(spec))


def _span(ports: set[int]) -> str:
    low, high = min(ports), max(ports)
    if not high:
        return "any"
    return str(low) if low == high else f"{low}-{high}"


def _what(flows: list[Flow]) -> str:
    used = frozenset[Capability]().union(*(flow.capabilities for flow in flows))
    return ", ".join(sorted(used))


def _may_move(row: FilterRow, flow: Flow) -> bool:
    known = row.capability in flow.capabilities or not flow.capabilities
    return row.changeable and row.transport == flow.transport and known and not flow.carrier


def _note(flow: Flow, told: FilterRow | None, *, movable: bool) -> str:
    notes = []
    if flow.carrier:
        notes.append(f"inside {flow.carrier}")
    if not flow.begun:
        notes.append("the opening was not captured")
    if told is not None and _width(told.destination_port) >= WIDE:
        notes.append("the sheet allows any such port here")
    if movable:
        notes.append("the sheet says that the port can be changed")
    return "; ".join(notes)


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

_COUNTED: dict[State, str] = {
    "as-the-sheet": "as the sheet says",
    "not-in-sheet": "not in the sheet",
    "not-seen": "not seen here",
}


def page(service: str, title: str, rows: Sequence[Row]) -> Page:
    """Return both tables of one service as a page."""
    sections = [_section(state, [row for row in rows if row.state == state]) for state in _TITLES]
    counts = ", ".join(
        f"{sum(row.state == state for row in rows)} {words}" for state, words in _COUNTED.items()
    )
    return Page(
        id=service,
        title=title,
        about=f"packet filtering rows: {counts}",
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
