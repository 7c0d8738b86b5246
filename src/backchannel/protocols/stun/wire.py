"""STUN messages and TURN's channel data. Bytes in, values out; nothing is remembered.

    message   type u16 | length u16 | magic cookie u32 | transaction 12 | attributes
    attribute type u16 | length u16 | value | padding to whole words
    channel   number u16 (0x4000..0x7FFF) | length u16 | data | over TCP: padding

A type is a method of 12 bits with two bits of class in between (RFC 8489 section 5). RFC 3489 had
no cookie: its transaction is 16 bytes. All integers are big-endian.
"""

from zlib import crc32

from backchannel.model import Endpoint
from backchannel.protocols.compact import text
from backchannel.reader import WireError, u32_at

HEADER = 20
COOKIE = b"\x21\x12\xa4\x42"
REQUEST, INDICATION, SUCCESS, ERROR = range(4)
BINDING, ALLOCATE, REFRESH, SEND, DATA = 1, 3, 4, 6, 7
CREATE_PERMISSION, CHANNEL_BIND, CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT = 8, 9, 10, 11, 12
METHODS = {
    BINDING: "binding",
    2: "shared-secret",
    ALLOCATE: "allocate",
    REFRESH: "refresh",
    SEND: "send",
    DATA: "data",
    CREATE_PERMISSION: "create-permission",
    CHANNEL_BIND: "channel-bind",
    CONNECT: "connect",
    CONNECTION_BIND: "connection-bind",
    CONNECTION_ATTEMPT: "connection-attempt",
}
MAPPED_ADDRESS, USERNAME, INTEGRITY, ERROR_CODE = 0x0001, 0x0006, 0x0008, 0x0009
CHANNEL_NUMBER, LIFETIME, XOR_PEER, DATA_VALUE = 0x000C, 0x000D, 0x0012, 0x0013
REALM, NONCE, XOR_RELAYED, REQUESTED_TRANSPORT = 0x0014, 0x0015, 0x0016, 0x0019
INTEGRITY_SHA256, CONNECTION_ID = 0x001C, 0x002A
XOR_MAPPED, XOR_MAPPED_OLD, PRIORITY, USE_CANDIDATE = 0x0020, 0x8020, 0x0024, 0x0025
SOFTWARE, FINGERPRINT, CONTROLLED, CONTROLLING = 0x8022, 0x8028, 0x8029, 0x802A
CHANGE_REQUEST = 0x0003
MOST = 64
"""Attributes of one message."""
CHANNELS = range(0x4000, 0x8000)
_FINGERPRINT = 0x5354554E
_NONE, _BIT = 0, 1
"""As wide as what bits of types are kept in."""
_CODE, _SUM = INTEGRITY, FINGERPRINT
"""The same without Python's objects, for what is asked of each attribute."""


class Message:
    """One message, made by `read`. Attributes are read where they stand, the first of each type."""

    __slots__ = ("data", "intact", "integrity", "kind", "method", "transaction", "types")
    data: bytes
    method: int
    kind: int
    """REQUEST, INDICATION, SUCCESS or ERROR."""
    transaction: bytes
    """With the cookie, or what RFC 3489 has in its place: 16 bytes."""
    integrity: int
    """Where the integrity attribute begins; -1 where there is none."""
    intact: bool | None
    """Whether the fingerprint is right; None where there is none."""
    types: int
    """A bit for the low six bits of each type that is there: most questions need no look."""

    def is_modern(self) -> bool:
        """Whether it has the cookie."""
        return has_cookie(self.data)

    def find(self, attribute: int, start: int = HEADER) -> int:
        """Return where an attribute begins, at *start* or behind it; -1 where it is not there."""
        if not self.types & _BIT << (attribute & 63):
            return -1
        at, octets, size = start, self.data, len(self.data)
        while size - at >= 4:
            if octets[at] << 8 | octets[at + 1] == attribute:
                return at
            at = _behind(self.data, at)
        return -1

    def has(self, attribute: int) -> bool:
        """Whether an attribute is there."""
        return self.find(attribute) >= 0

    def value(self, attribute: int) -> bytes | None:
        """Return what an attribute holds; None where it is not there."""
        at, octets = self.find(attribute), self.data  # `read` found that it lies within
        if at < 0:
            return None
        start = at + 4
        return octets[start : start + (octets[at + 2] << 8 | octets[at + 3])]

    def number(self, attribute: int, size: int) -> int:
        """Return the first *size* bytes of an attribute as a number; 0 where there is none."""
        at, octets, found = self.find(attribute), self.data, 0
        if at < 0:
            return 0
        size = min(size, octets[at + 2] << 8 | octets[at + 3])
        for each in range(at + 4, at + 4 + size):
            found = found << 8 | octets[each]
        return found

    def text(self, attribute: int) -> str:
        """Return an attribute that is text; empty where it is not there."""
        value = self.value(attribute)
        return value.decode("utf-8", "replace").rstrip("\0") if value else ""

    def packed(self, attribute: int) -> bytes | None:
        """Return the port and address in an attribute, in clear; None where it holds none."""
        at = self.find(attribute)
        return _packed(self.data, at, attribute != MAPPED_ADDRESS) if at >= 0 else None

    def endpoint(self, attribute: int) -> Endpoint | None:
        """Return the address in an attribute; None where it is not there or holds none."""
        packed = self.packed(attribute)
        return endpoint(packed) if packed is not None else None

    def peers(self) -> list[Endpoint]:
        """Return the peers that it names."""
        found: list[Endpoint] = []
        at = self.find(XOR_PEER)
        while at >= 0:
            packed = _packed(self.data, at, True)
            if packed is not None:
                found.append(endpoint(packed))
            at = self.find(XOR_PEER, _behind(self.data, at))
        return found

    def is_classic(self) -> bool:
        """Say of a message without cookie whether it is RFC 3489's: known attributes, each of its
        size.
        """
        if self.method != BINDING or self.kind == INDICATION:
            return False
        at, octets, size = HEADER, self.data, len(self.data)
        while size - at >= 4:
            kind = octets[at] << 8 | octets[at + 1]
            if not 0 < kind < 0x000C and kind not in (XOR_MAPPED_OLD, SOFTWARE):
                return False
            at = _behind(self.data, at)
        if self.kind == SUCCESS:
            return self.endpoint(MAPPED_ADDRESS) is not None
        return not self.has(CHANGE_REQUEST) or len(self.value(CHANGE_REQUEST) or b"") == 4


def _behind(data: bytes, at: int) -> int:
    """Return where the attribute behind the one at *at* begins."""
    octets = data
    return at + 4 + ((octets[at + 2] << 8 | octets[at + 3]) + 3 & ~3)


def has_cookie(data: bytes) -> bool:
    """Whether *data* has the cookie in its place."""
    octets = data
    return (
        len(data) >= 8
        and octets[4] == 0x21
        and octets[5] == 0x12
        and octets[6] == 0xA4
        and octets[7] == 0x42
    )


def size_of(head: bytes) -> int:
    """Return the size of the message or channel data that *head*, 4 bytes, begins, without padding;
    0 for what begins neither.
    """
    octets = head
    size = octets[2] << 8 | octets[3]
    if octets[0] < 0x40:
        return HEADER + size if not size & 3 else 0
    return 4 + size if octets[0] < 0x80 else 0


def read(data: bytes) -> Message:
    """Read one message, to its last byte. Raises WireError for what is none."""
    size, octets = len(data), data
    if size < HEADER or octets[0] & 0xC0 or size_of(data) != size:
        raise WireError(f"no STUN message in {size} bytes")
    message = Message.__new__(Message)  # without the call that `__init__` would be
    first, second = octets[0], octets[1]
    message.data, message.transaction = data, octets[4:HEADER]
    message.method = (first & 0x3E) << 6 | (second & 0xE0) >> 1 | second & 0x0F
    message.kind = (first & 1) << 1 | (second & 0x10) >> 4
    types, left, at = _NONE, MOST, HEADER
    integrity = covered = -1
    while at < size:
        if not left or size - at < 4:
            raise WireError("STUN attributes that do not fit")
        left -= 1
        name, length = octets[at] << 8 | octets[at + 1], octets[at + 2] << 8 | octets[at + 3]
        if length > size - at - 4:
            raise WireError(f"STUN attribute {name:#06x} of {length} bytes at {at}")
        types |= _BIT << (name & 63)
        if name == _CODE and integrity < 0:
            integrity = at
        elif name == _SUM and covered < 0:
            covered = at
        at += 4 + (length + 3 & ~3)
    message.types, message.integrity, message.intact = types, integrity, None
    if covered >= 0:
        length = octets[covered + 2] << 8 | octets[covered + 3]
        expected = fingerprint(octets[:covered])
        message.intact = length == 4 and u32_at(data, covered + 4) == expected
    return message


def fingerprint(covered: bytes) -> int:
    """Return the fingerprint of what stands before it in a message (RFC 8489 section 14.7)."""
    return crc32(covered) ^ _FINGERPRINT


def signed(data: bytes, integrity: int) -> bytes:
    """Return what the integrity code at offset *integrity* is computed over: all before it, with a
    length as if the message ended behind it (RFC 8489 section 14.5).
    """
    return data[:2] + (integrity + 24 - HEADER).to_bytes(2, "big") + data[4:integrity]


def _packed(data: bytes, at: int, masked: bool) -> bytes | None:
    """Return port and address of the attribute at *at* of a message; *masked*: the transaction lies
    over them.
    """
    octets = data
    size = octets[at + 2] << 8 | octets[at + 3]
    if size not in (8, 20) or octets[at + 5] != (1 if size == 8 else 2):
        return None
    start, end = at + 6, at + 4 + size
    if not masked:
        return octets[start:end]
    if size == 8:  # IPv4, as nearly always: in one number
        port = (octets[start] ^ octets[4]) << 8 | (octets[start + 1] ^ octets[5])
        return (port << 32 | u32_at(data, start + 2) ^ u32_at(data, 4)).to_bytes(6, "big")
    clear = bytearray(octets[start:end])
    clear[0] ^= octets[4]
    clear[1] ^= octets[5]
    for n in range(size - 4):
        clear[2 + n] ^= octets[4 + n]
    return bytes(clear)


def endpoint(packed: bytes) -> Endpoint:
    """Return what `Message.packed` returned as an endpoint."""
    return Endpoint(text(packed[2:]), packed[0] << 8 | packed[1])


def error_code(message: Message) -> int:
    """Return an error's code; 0 where there is none."""
    value = message.value(ERROR_CODE)
    return (value[2] & 7) * 100 + value[3] if value and len(value) >= 4 else 0
