"""ISAKMP, which IKEv1 and IKEv2 share, on the wire. Bytes in, values out; nothing is remembered.

    HEADER   initiator SPI 8 | responder SPI 8 | next payload u8 | major u4, minor u4 |
             exchange u8 | flags u8 | message id u32 | length u32, header included
    PAYLOAD  next payload u8 | flags u8 | length u16, these four bytes included | body

All integers are big-endian. RFC 2408 §3.1-3.2 (IKEv1), RFC 7296 §3.1-3.2 (IKEv2).
"""

from collections.abc import Iterator
from struct import Struct

from backchannel.reader import Reader, WireError

HEADER = 28
SNAPPED = 26
"""Bytes of the header that a snap length of 68 leaves behind Ethernet, IPv4 and UDP: half of the
length is missing. For long that was tcpdump's own default."""
NOBODY = bytes(8)
"""The responder's SPI while there is none."""

MAX_PAYLOADS = 128
"""Payloads read of one message; the longest honest ones have some forty."""

# IKEv1 exchange types, RFC 2408 §3.1, RFC 2409 appendix A, RFC 6407 §3.1
BASE, MAIN, AUTH_ONLY, AGGRESSIVE, INFORMATIONAL_1, CONFIG = 1, 2, 3, 4, 5, 6
QUICK, NEW_GROUP = 32, 33
# Microsoft's AuthIP, private exchange types of IKEv1, [MS-AIPS] §2.2.1
AUTHIP_MAIN, AUTHIP_QUICK, AUTHIP_EXTENDED, AUTHIP_NOTIFY = 243, 244, 245, 246
# IKEv2 exchange types, RFC 7296 §3.1 and the IANA registry
SA_INIT, AUTH, CREATE_CHILD, INFORMATIONAL, SESSION_RESUME = 34, 35, 36, 37, 38
INTERMEDIATE, FOLLOWUP_KE = 43, 44

# IKEv1 flags; IKEv2 flags
ENCRYPTED = 0x01
INITIATOR, RESPONSE = 0x08, 0x20

FRAGMENT_1, CRYPTO = 132, 133
SK, SKF = 46, 53

_FIRST = {
    1: frozenset({*range(1, 24), 130, 131, FRAGMENT_1, CRYPTO}),
    2: frozenset({0, *range(33, 55)}),
}
_SAS = (1, 33)
"""The payload with which honest key exchange of either version begins."""
_FLAGS = {1: 0x07, 2: 0x38}
_EXCHANGES = {
    0x10: frozenset({*range(1, 7), 32, 33, *range(AUTHIP_MAIN, AUTHIP_NOTIFY + 1)}),
    0x20: frozenset(range(34, 46)),
}
"""By the version's byte."""
_HEADER = Struct(">8s8sBBBBII").unpack_from


class Header:
    """What the first 28 bytes of a message say."""

    __slots__ = (
        "encrypted",
        "exchange",
        "flags",
        "from_initiator",
        "initiator",
        "length",
        "message_id",
        "next",
        "opens",
        "responder",
        "response",
        "version",
    )

    def __init__(self, fields: tuple[bytes, bytes, int, int, int, int, int, int]) -> None:
        """*fields* stand in the order of the wire."""
        self.initiator, self.responder, self.next, octet = fields[:4]
        self.exchange, flags, self.message_id, self.length = fields[4:]
        self.flags = flags
        self.version = version = octet >> 4
        """The major version: 1 or 2."""
        self.encrypted = version == 1 and flags & ENCRYPTED != 0
        """Whether what follows an IKEv1 header is encrypted."""
        self.from_initiator = flags & INITIATOR != 0
        """Whether the SA's initiator sent this IKEv2 message."""
        self.response: bool | None = flags & RESPONSE != 0 if version == 2 else None
        """Whether an IKEv2 message is a response; None for IKEv1, which does not tell."""
        self.opens = self.responder == NOBODY
        """Whether nobody has answered yet: this is how an exchange of keys begins."""


class Payload:
    """One payload: its number, its body, and what number the next one has."""

    __slots__ = ("body", "kind", "next")

    def __init__(self, kind: int, body: bytes, following: int) -> None:
        self.kind, self.body, self.next = kind, body, following


def read_header(data: bytes, at: int = 0, cut: bool = False) -> Header | None:
    """Return the header at *at*; None where these bytes cannot be ISAKMP.

    Strict, because this is what tells IKE from all else on whatever port: known version and
    exchange, and a length that ends where the datagram does. The first message of all has so many
    zeros that bytes after its end, or a capture that cut it, are forgiven if all else is right;
    with an SA in front, also a length that cannot be, as attackers write it.
    *cut*: forgive later ones that they were cut, too, even within the length.
    """
    size = len(data) - at
    if size < HEADER:
        if not cut or size < SNAPPED:
            return None
        data, at = data[at:] + b"\xff" * (HEADER - size), 0
    fields = _HEADER(data, at)
    initiator, responder, first, version, exchange, flags, message_id, length = fields
    known = _EXCHANGES.get(version)
    if known is None or exchange not in known or initiator == NOBODY:
        return None
    major = version >> 4
    if length != size:
        opens = responder == NOBODY and message_id == 0 and length <= 0xFFFF
        if length < HEADER and first not in _SAS:
            return None
        forgiven = opens or (cut and size < length <= 0xFFFF)
        if not forgiven or flags & ~_FLAGS[major] or first not in _FIRST[major]:
            return None
    return Header(fields)


def payloads(
    data: bytes, first: int, start: int, end: int
) -> tuple[list[Payload], WireError | None]:
    """Return the payloads of *data* between *start* and *end*, the first of which has the number
    *first*, and what is wrong behind them: a length that does not fit, or more than MAX_PAYLOADS.

    Stops behind an encrypted payload, which is always the last (RFC 7296 §3.14).
    """
    found: list[Payload] = []
    kind, at, end, octets = first, start, min(end, len(data)), data
    while kind and len(found) < MAX_PAYLOADS:
        left = end - at
        if left < 4:
            return found, WireError(f"wanted 4 bytes at {at}, {max(0, left)} left")
        following, length = octets[at], octets[at + 2] << 8 | octets[at + 3]
        if length < 4:
            return found, WireError(f"payload {kind} says it is {length} bytes long")
        if length > left:
            return found, WireError(f"wanted {length - 4} bytes at {at + 4}, {left - 4} left")
        found.append(Payload(kind, octets[at + 4 : at + length], following))
        if kind in (SK, SKF):
            return found, None
        at += length
        kind = following
    return found, WireError(f"more than {MAX_PAYLOADS} payloads") if kind else None


def attributes(reader: Reader) -> Iterator[tuple[int, bytes]]:
    """Yield (type, value) to the end: RFC 2408 §3.3, RFC 7296 §3.3.5.

    ATTRIBUTE   1 bit, 15 bits type | value u16         where the bit is set
                0 bit, 15 bits type | length u16 | value
    """
    while reader:
        kind, value = reader.u16(), reader.take(2)
        if not kind & 0x8000:
            value = reader.take(int.from_bytes(value, "big"))
        yield kind & 0x7FFF, value


def number(value: bytes) -> int:
    """Return an attribute's value as a number; at most eight bytes of it count."""
    return int.from_bytes(value[:8], "big")
