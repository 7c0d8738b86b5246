"""The flow table as Arrow columns and as a Parquet file. Times are UTC, nanoseconds."""

from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from backchannel.flows.columns import Choices, Column, Texts

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
_CODES = {"B": pa.uint8(), "H": pa.uint16(), "I": pa.uint32(), "Q": pa.uint64(), "q": pa.int64()}
SCHEMA = pa.schema(_FIELDS)
"""`service`, `stack` and `confidence` are those of the flow's own stream, empty where nothing
claimed it; what travels inside a proxy is in the scan document."""

Claims = Mapping[int, tuple[str, str, str]]
"""(service, stack, confidence) of the flows that were claimed, by serial."""


def arrow(columns: Mapping[str, Column], claims: Claims) -> pa.Table:
    """Return the core's columns and the claims as one table, in the order in which flows began."""
    serials = cast("array[int]", columns["serial"])
    told = [claims.get(serial, ("", "", "")) for serial in serials]
    every: dict[str, Column | list[str]] = dict(columns)
    for place, name in enumerate(("service", "stack", "confidence")):
        every[name] = [claim[place] for claim in told]
    arrays = [_array(every[field.name], field.type) for field in SCHEMA]
    return pa.Table.from_arrays(arrays, schema=SCHEMA).sort_by("serial")


def _array(column: Column | list[str], kind: pa.DataType) -> "pa.Array[Any]":
    """Return a column as Arrow keeps it; what lies in buffers stays there."""
    if isinstance(column, array):
        numbers = pa.Array.from_buffers(
            _CODES[column.typecode], len(column), [None, pa.py_buffer(column)]
        )
        return numbers.cast(kind)
    if isinstance(column, Texts):
        buffers = [None, pa.py_buffer(column.offsets), pa.py_buffer(column.text)]
        return pa.Array.from_buffers(pa.string(), len(column), buffers)
    if isinstance(column, Choices):
        codes = _array(column.codes, pa.uint32())
        return pa.array([_plain(value) for value in column.values], kind).take(codes)
    return pa.array(column, kind)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write the table as a Parquet file.

    The file is opened here: what Arrow opened itself it would remove after an error, a device too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        pq.write_table(table, file, compression="zstd")
