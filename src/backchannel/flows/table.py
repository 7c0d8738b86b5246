"""The flow table as Arrow columns and as a Parquet file. Times are UTC, nanoseconds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_TIME = pa.timestamp("ns", tz="UTC")
_FIELDS: dict[str, pa.DataType] = {
    "serial": pa.uint64(),
    "transport": pa.string(),
    "protocol": pa.uint8(),
    "client_address": pa.string(),
    "client_port": pa.uint16(),
    "server_address": pa.string(),
    "server_port": pa.uint16(),
    "icmp_type": pa.uint8(),
    "icmp_code": pa.uint8(),
    "vlans": pa.list_(pa.uint16()),
    "tunnel": pa.string(),
    "begun": pa.bool_(),
    "first_time": _TIME,
    "last_time": _TIME,
    "first_frame": pa.uint64(),
    "last_frame": pa.uint64(),
    "client_packets": pa.uint64(),
    "server_packets": pa.uint64(),
    "client_bytes": pa.uint64(),
    "server_bytes": pa.uint64(),
    "client_payload_bytes": pa.uint64(),
    "server_payload_bytes": pa.uint64(),
    "client_tcp_flags": pa.uint16(),
    "server_tcp_flags": pa.uint16(),
    "client_gaps": pa.uint64(),
    "server_gaps": pa.uint64(),
    "state": pa.string(),
    "retransmissions": pa.uint32(),
    "conflicts": pa.uint32(),
    "out_of_order": pa.uint32(),
    "zero_windows": pa.uint32(),
    "community_id": pa.string(),
    "service": pa.string(),
    "stack": pa.string(),
    "confidence": pa.string(),
}
SCHEMA = pa.schema(_FIELDS)
"""`service`, `stack` and `confidence` are those of the flow's own stream, empty where nothing
claimed it; what travels inside a proxy is in the scan document."""

Claims = Mapping[int, tuple[str, str, str]]
"""(service, stack, confidence) of the flows that were claimed, by serial."""


def arrow(columns: Mapping[str, list[Any]], claims: Claims) -> pa.Table:
    """Return the core's columns and the claims as one table, in the order in which flows began."""
    serials = columns["serial"]
    told = [claims.get(serial, ("", "", "")) for serial in serials]
    every = dict(columns)
    for place, name in enumerate(("service", "stack", "confidence")):
        every[name] = [claim[place] for claim in told]
    arrays = [pa.array(every[field.name], type=field.type) for field in SCHEMA]
    return pa.Table.from_arrays(arrays, schema=SCHEMA).sort_by("serial")


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write the table as a Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd")
