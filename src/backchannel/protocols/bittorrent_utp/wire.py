"""Packets of uTP (BEP 29, version 1). A datagram in, a packet out.

    type and version u8 | extension u8 | connection u16 | time u32 | difference u32
    | window u32 | number u16 | acknowledged u16          20 bytes
    [next extension u8 | length u8 | its bytes] ..        | payload, of DATA alone

Numbers count packets, not bytes, and wrap around.
"""

from backchannel.reader import cut

_HEADER = 20
_VERSION = 1
_EXTENSIONS = {1: (4, 8, 12, 16, 20, 24, 28, 32), 2: (8,), 3: (4,)}
"""Selective acknowledgement, bits of what is understood, reason for closing: their sizes."""
_MOST = 4
LAST = 0xFFFF
"""The largest number; 0 comes after it."""
_LAST, _HALF = LAST, 1 << 15


class Type:
    """What a packet is for."""

    DATA = 0
    FIN = 1
    STATE = 2
    RESET = 3
    SYN = 4


_DATA, _SYN = Type.DATA, Type.SYN


class Packet:
    """One packet."""

    __slots__ = ("acknowledged", "connection", "number", "payload", "type")

    def __init__(self, kind: int, payload: bytes) -> None:
        """*kind* is one of `Type`."""
        self.type, self.payload = kind, payload
        self.connection = self.number = self.acknowledged = 0


def payload_at(data: bytes) -> int:
    """Return where the payload of the packet begins that a datagram is; 0 where it is none."""
    length, octets = len(data), data
    if length < _HEADER or octets[0] & 15 != _VERSION or octets[0] >> 4 > _SYN:
        return 0
    at, extension, count = _HEADER, octets[1], 0
    while extension:
        if at + 2 > length or count == _MOST:
            return 0
        size, start = octets[at + 1], at + 2
        if size not in _EXTENSIONS.get(extension, ()) or start + size > length:
            return 0
        extension, at, count = octets[at], start + size, count + 1
    if (octets[0] >> 4 == _DATA) != (at < length) or octets[12]:  # a window of 16 MiB
        return 0
    return at


def read_packet(data: bytes) -> Packet | None:
    """Return the packet that a datagram is; None where it is none."""
    at, octets = payload_at(data), data
    if not at:
        return None
    packet = Packet(octets[0] >> 4, cut(data, at, len(data)))
    packet.connection = octets[2] << 8 | octets[3]
    packet.number = octets[16] << 8 | octets[17]
    packet.acknowledged = octets[18] << 8 | octets[19]
    return packet


def ahead(number: int, other: int) -> int:
    """Return how far *number* is ahead of *other*, below 0 where it is behind."""
    return (number - other + _HALF & _LAST) - _HALF
