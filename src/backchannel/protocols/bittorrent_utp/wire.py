"""Packets of uTP (BEP 29, version 1). A datagram in, a packet out.

    type and version u8 | extension u8 | connection u16 | time u32 | difference u32
    | window u32 | number u16 | acknowledged u16          20 bytes
    [next extension u8 | length u8 | its bytes] ..        | payload, of DATA alone

Numbers count packets, not bytes, and wrap around.
"""

HEADER = 20
VERSION = 1
_EXTENSIONS = {1: (4, 8, 12, 16, 20, 24, 28, 32), 2: (8,), 3: (4,)}
"""Selective acknowledgement, bits of what is understood, reason for closing: their sizes."""
_MOST = 4
AROUND = 1 << 16


class Type:
    """What a packet is for."""

    DATA = 0
    FIN = 1
    STATE = 2
    RESET = 3
    SYN = 4


class Packet:
    """One packet."""

    __slots__ = ("acknowledged", "connection", "number", "payload", "type")

    def __init__(self, kind: int, data: bytes, payload: bytes) -> None:
        """*kind* is one of `Type`; *data* has the header."""
        self.type, self.payload = kind, payload
        self.connection = data[2] << 8 | data[3]
        self.number = data[16] << 8 | data[17]
        self.acknowledged = data[18] << 8 | data[19]


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
    kind, payload = data[0] >> 4, data[at:]
    if (kind == Type.DATA) != bool(payload) or data[12]:  # a window of 16 MiB
        return None
    return Packet(kind, data, payload)


def ahead(number: int, other: int) -> int:
    """Return how far *number* is ahead of *other*, below 0 where it is behind."""
    return (number - other + AROUND // 2) % AROUND - AROUND // 2
