"""ISAKMP, which IKEv1 and IKEv2 share, on the wire. Bytes in, values out; nothing is remembered.

    HEADER   initiator SPI 8 | responder SPI 8 | next payload u8 | major u4, minor u4 |
             exchange u8 | flags u8 | message id u32 | length u32, header included
    PAYLOAD  next payload u8 | flags u8 | length u16, these four bytes included | body

All integers are big-endian. RFC 2408 §3.1-3.2 (IKEv1), RFC 7296 §3.1-3.2 (IKEv2).
"""

from collections.abc import Iterator
from typing import Literal

from backchannel.protocols.ike.numbers import (
    AUTHIP_MAIN,
    AUTHIP_NOTIFY,
    CRYPTO,
    ENCRYPTED,
    FRAGMENT_1,
    HEADER,
    INITIATOR,
    MAX_PAYLOADS,
    NOBODY,
    RESPONSE,
    SK,
    SKF,
    SNAPPED,
    VERSION_1,
    VERSION_2,
)
from backchannel.reader import Reader, WireError, u32_at

_FIRST = {
    1: frozenset({*range(1, 24), 130, 131, FRAGMENT_1, CRYPTO}),
    2: frozenset({0, *range(33, 55)}),
}
_SAS = (1, 33)
"""The payload with which honest key exchange of either version begins."""
_FLAGS = {1: 0x07, 2: 0x38}
_EXCHANGES_1 = {*range(1, 7), 32, 33, *range(AUTHIP_MAIN, AUTHIP_NOTIFY + 1)}
_EXCHANGES_2 = range(34, 46)
_KNOWN = bytes([(number in _EXCHANGES_1) | (number in _EXCHANGES_2) << 1 for number in range(256)])
"""By the number of an exchange, a bit for each version that has it."""


class Header:
    """What the first 28 bytes of a message say. `read_header` makes it."""

    __slots__ = (
        "answers",
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
        "version",
    )

    def read(self, data: bytes, at: int) -> None:
        """Take what *data* says, which has at least HEADER bytes behind *at*."""
        octets = data
        high, low = u32_at(data, at), u32_at(data, at + 4)
        self.initiator: int = high << 32 | low
        high, low = u32_at(data, at + 8), u32_at(data, at + 12)
        self.responder: int = high << 32 | low
        """The SPIs of both, as numbers."""
        self.next, self.exchange = octets[at + 16], octets[at + 18]
        self.flags = flags = octets[at + 19]
        self.message_id, self.length = u32_at(data, at + 20), u32_at(data, at + 24)
        version = octets[at + 17] >> 4
        self.version: Literal[1, 2] = 1 if version == 1 else 2
        """The major version."""
        self.encrypted = version == 1 and flags & ENCRYPTED != 0
        """Whether what follows an IKEv1 header is encrypted."""
        self.from_initiator = flags & INITIATOR != 0
        """Whether the SA's initiator sent this IKEv2 message."""
        self.answers = version == 2 and flags & RESPONSE != 0
        """Whether this is an IKEv2 response; IKEv1 does not tell."""
        self.opens = self.responder == NOBODY
        """Whether nobody has answered yet: this is how an exchange of keys begins."""

    @property
    def response(self) -> bool | None:
        """Whether an IKEv2 message is a response; None for IKEv1."""
        return self.answers if self.version == 2 else None

    def same_sa(self, other: "Header") -> bool:
        """Say whether both have the same SPIs."""
        return self.initiator == other.initiator and self.responder == other.responder


class Payloads:
    """The payloads of a message, of which it stands at one: its number, where in *octets* its body
    is, and what number the next one has. `walk` makes it.
    """

    __slots__ = (
        "_at",
        "_begin",
        "_first",
        "_following",
        "_limit",
        "count",
        "end",
        "error",
        "kind",
        "next",
        "octets",
        "start",
    )
    kind: int
    next: int
    start: int
    end: int

    def begin(self, data: bytes, first: int, start: int, end: int) -> None:
        """Stand before the first payload, which has the number *first*; see `walk`."""
        self.octets = data
        self._first, self._begin, self._limit = first, start, min(end, len(data))
        self.again()

    def again(self) -> None:
        """Stand before the first payload again."""
        self._following, self._at, self.count = self._first, self._begin, 0
        self.error: WireError | None = None
        """What is wrong behind the last payload: a length that does not fit, or too many."""

    def step(self) -> bool:
        """Go to the next payload. Where there is none, it stands at the last one still: behind an
        encrypted payload, which is always the last (RFC 7296 §3.14), behind MAX_PAYLOADS, and where
        there is an error.
        """
        kind, at, octets = self._following, self._at, self.octets
        if not kind or self.error is not None:
            return False
        if self.count == MAX_PAYLOADS:
            self.error = WireError(f"more than {MAX_PAYLOADS} payloads")
            return False
        left = self._limit - at
        if left < 4:
            self.error = WireError(f"wanted 4 bytes at {at}, {max(0, left)} left")
            return False
        following, length = octets[at], octets[at + 2] << 8 | octets[at + 3]
        if length < 4:
            self.error = WireError(f"payload {kind} says it is {length} bytes long")
            return False
        if length > left:
            self.error = WireError(f"wanted {length - 4} bytes at {at + 4}, {left - 4} left")
            return False
        self.kind, self.next = kind, following
        self.start = at + 4
        self._at = self.end = at + length
        self._following = 0 if kind in (SK, SKF) else following
        self.count += 1
        return True

    def body(self) -> bytes:
        """Return the body; most payloads are of a kind of which nothing more is asked."""
        octets = self.octets
        return octets[self.start : self.end]

    def holds(self, body: bytes) -> bool:
        """Say whether its body is *body*, without making it."""
        size = self.end - self.start
        return len(body) == size and self.octets.startswith(body, self.start)


def walk(data: bytes, first: int, start: int, end: int) -> Payloads:
    """Return what goes through the payloads of *data* between *start* and *end*, the first of which
    has the number *first*; it stands before it.
    """
    made = Payloads.__new__(Payloads)  # `__init__` would be a call with Python's objects
    made.begin(data, first, start, end)
    return made


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
    octets = data
    version, exchange = octets[at + 17], octets[at + 18]
    if version >> 4 == 2:
        version = VERSION_2
    elif version != VERSION_1:  # nearly all that is not ISAKMP
        return None
    if not _KNOWN[exchange] & (1 if version == VERSION_1 else 2):
        return None
    header = Header.__new__(Header)  # `__init__` would be a call with Python's objects
    header.read(data, at)
    if header.initiator == NOBODY:
        return None
    return header if header.length == size or _forgiven(header, size, cut) else None


def _forgiven(header: Header, size: int, cut: bool) -> bool:
    """Whether a length that does not end with the *size* bytes there are speaks against it not."""
    length, version = header.length, header.version
    if length < HEADER and header.next not in _SAS:
        return False
    opens = header.opens and header.message_id == 0 and length <= 0xFFFF
    if not opens and not (cut and size < length <= 0xFFFF):
        return False
    return not header.flags & ~_FLAGS[version] and header.next in _FIRST[version]


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
