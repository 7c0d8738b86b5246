"""Rows as columns of equal length, ready for Arrow."""

from collections.abc import Sequence
from typing import Any

from backchannel.flows.row import FlowRow

PAIRED = ("packets", "bytes", "payload_bytes", "tcp_flags", "gaps")


def columns(rows: Sequence[FlowRow]) -> dict[str, list[Any]]:
    """Return one list a column; pairs become two columns, `client_...` and `server_...`."""
    out: dict[str, list[Any]] = {
        "serial": [row.serial for row in rows],
        "transport": [row.transport for row in rows],
        "protocol": [row.protocol for row in rows],
        "client_address": [row.client.address for row in rows],
        "client_port": [row.client.port for row in rows],
        "server_address": [row.server.address for row in rows],
        "server_port": [row.server.port for row in rows],
        "icmp_type": [row.types[0] for row in rows],
        "icmp_code": [row.types[1] for row in rows],
        "vlans": [list(row.vlans) for row in rows],
    }
    for name in ("tunnel", "begun", "hits", "first_time", "last_time", "first_frame", "last_frame"):
        out[name] = [getattr(row, name) for row in rows]
    for name in PAIRED:
        out[f"client_{name}"] = [getattr(row, name)[0] for row in rows]
        out[f"server_{name}"] = [getattr(row, name)[1] for row in rows]
    for name in (
        "state",
        "retransmissions",
        "conflicts",
        "out_of_order",
        "zero_windows",
        "community_id",
    ):
        out[name] = [getattr(row, name) for row in rows]
    return out
