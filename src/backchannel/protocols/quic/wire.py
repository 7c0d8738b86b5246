"""QUIC on the wire: long headers, and the frames of an Initial. Bytes in, values out.

    long header   form 1 | fixed 1 | type 2 | protected 4 || version u32 | dcid u8 + bytes |
                  scid u8 + bytes                                            RFC 9000 §17.2
    Initial       ... token varint + bytes | length varint | number | payload
    0-RTT, Handshake  ... length varint | number | payload
    Retry         ... token | tag 16
    negotiation   version 0 | dcid | scid | versions u32 ...                 §17.2.1
    varint        two bits say whether it takes 1, 2, 4 or 8 bytes           §16
    frames        00 padding, 01 ping, 02-03 ack, 06 crypto, 1c close        §12.4, §19

Big-endian. Nothing is remembered.
"""

import msgspec

from backchannel.protocols.quic.versions import INITIAL, RETRY, VERSIONS, Version
from backchannel.reader import Reader, WireError

LONGEST_ID = 20
SHORTEST_ID = 8
"""Bytes of the destination that a client invents for its first packet (RFC 9000 §7.2)."""
TAG = 16
SAMPLED = 4 + 16
"""Bytes behind where the packet number begins that removing the header's protection needs."""
PACKETS = 8
"""Packets of one datagram that are looked at."""
OFFERS = 64
"""Versions of one negotiation that are read."""
_LONG = 0x80
_NEGOTIATION = bytes(4)
"""The version of such a packet."""
_ACK, _ACK_ECN, _CRYPTO, _CLOSE = 2, 3, 6, 0x1C
_PING = 1
"""Of this and PADDING, 0, the kind is all there is."""
_RANGES = 1024


class Packet:
    """One packet with a long header, by its place in its datagram."""

    __slots__ = ("end", "kind", "number", "source", "start", "target", "version")

    def __init__(self, version: Version, kind: int, target: bytes, source: bytes) -> None:
        self.version, self.kind = version, kind
        self.target = target
        """Connection ID of who is to receive it."""
        self.source = source
        self.start = self.number = self.end = 0
        """Where it begins, its number (of a Retry, its token) and what follows it."""


class Negotiation(msgspec.Struct, frozen=True):
    """A server's answer to a version that it does not speak."""

    target: bytes
    source: bytes
    versions: tuple[int, ...]


def is_long(datagram: bytes) -> bool:
    """Whether *datagram* begins with a long header."""
    return len(datagram) > 6 and datagram[0] & _LONG != 0


def read_packet(datagram: bytes, start: int) -> Packet | None:
    """Return the packet at *start*, behind which others may stand; None for one with a short
    header, for padding, and at the end. Raises WireError for what is none of these.
    """
    if start >= len(datagram) or not datagram[start] & _LONG:
        return None
    reader = Reader(datagram, start)
    first, number = reader.u8(), reader.u32()
    version = VERSIONS.get(number)
    if version is None:  # the fixed bit tells nothing: once both agree it is random (RFC 9287)
        raise WireError(f"unknown QUIC version {number:08x}")
    packet = Packet(
        version, version.kinds[first >> 4 & 3], _connection(reader), _connection(reader)
    )
    if packet.kind == INITIAL:  # a token stands before
        reader.skip(varint(reader))
    packet.start, packet.end = start, len(datagram)
    if packet.kind != RETRY:
        size = varint(reader)
        packet.end = reader.offset + size
        if size < SAMPLED or packet.end > len(datagram):
            raise WireError(f"QUIC packet of {size} bytes, {len(reader)} left")
    elif len(reader) <= TAG:
        raise WireError("QUIC Retry without a token")
    packet.number = reader.offset
    return packet


def _connection(reader: Reader) -> bytes:
    size = reader.u8()
    if size > LONGEST_ID:
        raise WireError(f"QUIC connection ID of {size} bytes")
    return reader.take(size)


def read_negotiation(datagram: bytes) -> Negotiation | None:
    """Return the negotiation that *datagram* is; None where it is something else."""
    if not is_long(datagram) or not datagram.startswith(_NEGOTIATION, 1):
        return None
    reader = Reader(datagram, 5)
    target, source = _connection(reader), _connection(reader)
    if not reader or len(reader) % 4 or len(reader) > 4 * OFFERS:
        raise WireError(f"QUIC version negotiation of {len(reader)} bytes")
    return Negotiation(target, source, tuple([reader.u32() for _ in range(len(reader) // 4)]))


def varint(reader: Reader) -> int:
    """Return an integer of variable size."""
    first = reader.u8()
    if first < 0x40:
        return first
    value = first & 0x3F
    rest = reader.take((1 << (first >> 6)) - 1)
    for byte in rest:
        value = value << 8 | byte
    return value


def read_crypto(payload: bytes) -> list[tuple[int, bytes]]:
    """Return (offset, bytes) of each CRYPTO frame in an Initial's payload."""
    reader, size, octets = Reader(payload), len(payload), payload
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < size:
        kind = octets[at]
        at += 1
        if kind <= _PING:
            while at < size and octets[at] <= _PING:
                at += 1
            continue
        reader.offset = at
        if kind == _CRYPTO:
            offset = varint(reader)
            found.append((offset, reader.take(varint(reader))))
        elif kind in (_ACK, _ACK_ECN):
            _pass_ack(reader, kind == _ACK_ECN)
        elif kind == _CLOSE:  # nothing follows that counts
            break
        else:
            raise WireError(f"QUIC frame {kind:02x} in an Initial")
        at = reader.offset
    return found


def _pass_ack(reader: Reader, counts: bool) -> None:
    for _ in range(2):  # the largest number, and the delay
        varint(reader)
    ranges = varint(reader)
    if ranges > _RANGES:
        raise WireError(f"QUIC acknowledgement of {ranges} ranges")
    for _ in range(1 + 2 * ranges + 3 * counts):
        varint(reader)
