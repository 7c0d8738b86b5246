"""Rows as columns of equal length, ready for Arrow: numbers lie in arrays, no object a row."""

from array import array
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, Union

import msgspec

from backchannel.flows.row import FlowRow

U8, U16, U32, U64, I64 = "B", "H", "I", "Q", "q"
NUMBERS = {
    "serial": U64,
    "protocol": U8,
    "client_port": U16,
    "server_port": U16,
    "icmp_type": U8,
    "icmp_code": U8,
    "begun": U8,
    "hits": U64,
    "first_time": I64,
    "last_time": I64,
    "first_frame": U64,
    "last_frame": U64,
    "client_packets": U64,
    "server_packets": U64,
    "client_bytes": U64,
    "server_bytes": U64,
    "client_payload_bytes": U64,
    "server_payload_bytes": U64,
    "client_tcp_flags": U8,
    "server_tcp_flags": U8,
    "client_gaps": U64,
    "server_gaps": U64,
    "retransmissions": U32,
    "conflicts": U32,
    "out_of_order": U32,
    "zero_windows": U32,
}
"""Columns of numbers, with the type codes of `array`."""
TEXTS = ("client_address", "server_address", "community_id")


class Choices(msgspec.Struct, frozen=True):
    """A column in which few different values come again and again."""

    codes: "array[int]"
    values: list[Any]
    """What the codes stand for; each once."""

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, at: int) -> Any:
        """Return one row's value."""
        return self.values[self.codes[at]]

    def __iter__(self) -> Iterator[Any]:
        return (self.values[code] for code in self.codes)


class Texts(msgspec.Struct, frozen=True):
    """A column of ASCII text, one after the other, as Arrow keeps it."""

    offsets: "array[int]"
    """Where each begins in *text*; one more than there are rows."""
    text: bytes

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, at: int) -> str:
        """Return one row's text."""
        return self.text[self.offsets[at] : self.offsets[at + 1]].decode("ascii")

    def __iter__(self) -> Iterator[str]:
        return (self[at] for at in range(len(self)))


Column: TypeAlias = Union["array[int]", Choices, Texts]  # array[int] is for 3.12


def columns(rows: Sequence[FlowRow]) -> dict[str, Column]:
    """Return *rows* as columns; pairs become two, `client_...` and `server_...`."""
    out: dict[str, Column] = {}
    for name, code in NUMBERS.items():
        out[name] = array(code, [_number(row, name) for row in rows])
    out["transport"] = choices([row.transport for row in rows])
    out["state"] = choices([row.state for row in rows])
    out["vlans"] = choices([row.vlans for row in rows])
    out["tunnel"] = choices([row.tunnel for row in rows])
    out["client_address"] = texts([row.client.address for row in rows])
    out["server_address"] = texts([row.server.address for row in rows])
    out["community_id"] = texts([row.community_id for row in rows])
    return out


def choices(values: Sequence[Any]) -> Choices:
    """Return a column of *values*, which must be hashable."""
    known = {value: code for code, value in enumerate(dict.fromkeys(values))}
    return Choices(array(U32, [known[value] for value in values]), list(known))


def texts(values: Sequence[str]) -> Texts:
    """Return a column of *values*."""
    offsets, at = array("i", [0]), 0
    for value in values:
        at += len(value)
        offsets.append(at)
    return Texts(offsets, "".join(values).encode("ascii"))


def _number(row: FlowRow, name: str) -> int:
    who, _, rest = name.partition("_")
    if name in {"client_port", "server_port"}:
        return int(getattr(row, who).port)
    if name in {"icmp_type", "icmp_code"}:
        return row.types[name == "icmp_code"]
    value = (
        getattr(row, rest)[who == "server"] if who in {"client", "server"} else getattr(row, name)
    )
    return int(value)
