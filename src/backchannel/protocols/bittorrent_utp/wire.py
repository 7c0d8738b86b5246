"""Packets of uTP (BEP 29, version 1). A datagram in, a packet out.

    type and version u8 | extension u8 | connection u16 | time u32 | difference u32
    | window u32 | number u16 | acknowledged u16          20 bytes
    [next extension u8 | length u8 | its bytes] ..        | payload, of DATA alone

Numbers count packets, not bytes, and wrap around.
"""

from enum import IntEnum
from typing import NamedTuple

HEADER = 20
VERSION = 1
_EXTENSIONS = {1: (4, 8, 12, 16, 20, 24, 28, 32), 2: (8,), 3: (4,)}
"""Selective acknowledgement, bits of what is understood, reason for closing: their sizes."""
_MOST = 4
_WINDOW = 1 << 24
AROUND = 1 << 16


class Type(IntEnum):
    """What a packet is for."""

    DATA = 0
    FIN = 1
    STATE = 2
    RESET = 3
    SYN = 4


class Packet(NamedTuple):
    """One packet."""

    type: Type
    connection: int
    number: int
    acknowledged: int
    payload: bytes


def read_packet(data: bytes) -> Packet | None:
    """Return the packet that a datagram is; None where it is none."""
    if len(data) < HEADER or data[0] & 15 != VERSION or data[0] >> 4 > Type.SYN:
        return None
    at, extension, count = HEADER, data[1], 0
    while extension:
        if at + 2 > len(data) or count == _MOST:
            return None
        size, start = data[at + 1], at + 2
        if size not in _EXTENSIONS.get(extension, ()) or start + size > len(data):
            return None
        extension, at, count = data[at], start + size, count + 1
    kind, payload = Type(data[0] >> 4), data[at:]
    if (kind is Type.DATA) is not bool(payload) or int.from_bytes(data[12:16]) >= _WINDOW:
        return None
    connection, number, acknowledged = (data[at] << 8 | data[at + 1] for at in (2, 16, 18))
    return Packet(kind, connection, number, acknowledged, payload)


def ahead(number: int, other: int) -> int:
    """Return how far *number* is ahead of *other*, below 0 where it is behind."""
    return (number - other + AROUND // 2) % AROUND - AROUND // 2
