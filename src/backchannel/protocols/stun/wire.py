"""STUN messages and TURN's channel data. Bytes in, values out; nothing is remembered.

    message   type u16 | length u16 | magic cookie u32 | transaction 12 | attributes
    attribute type u16 | length u16 | value | padding to whole words
    channel   number u16 (0x4000..0x7FFF) | length u16 | data | over TCP: padding

A type is a method of 12 bits with two bits of class in between (RFC 8489 section 5). RFC 3489 had
no cookie: its transaction is 16 bytes. All integers are big-endian.
"""

import zlib
from ipaddress import IPv6Address

from backchannel.model import Endpoint
from backchannel.reader import WireError

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
XOR_MAPPED, XOR_MAPPED_OLD, PRIORITY, USE_CANDIDATE = 0x0020, 0x8020, 0x0024, 0x0025
SOFTWARE, FINGERPRINT, CONTROLLED, CONTROLLING = 0x8022, 0x8028, 0x8029, 0x802A
CHANGE_REQUEST = 0x0003
_CLASSIC = frozenset(range(0x0001, 0x000C)) | {XOR_MAPPED_OLD, SOFTWARE}
"""What RFC 3489 and its drafts knew."""
MOST = 64
"""Attributes of one message."""
CHANNELS = range(0x4000, 0x8000)
_FINGERPRINT = 0x5354554E
_UNMASKED = bytes(16)


class Message:
    """One message."""

    __slots__ = (
        "attributes",
        "intact",
        "integrity",
        "kind",
        "method",
        "repeated",
        "transaction",
    )

    def __init__(self, kind: int, transaction: bytes) -> None:
        """*kind*: the first two bytes. Attributes are added by `read`."""
        self.method = (kind & 0x3E00) >> 2 | (kind & 0x00E0) >> 1 | kind & 0x000F
        self.kind = (kind & 0x0100) >> 7 | (kind & 0x0010) >> 4
        """REQUEST, INDICATION, SUCCESS or ERROR."""
        self.transaction = transaction
        """With the cookie, or what RFC 3489 has in its place: 16 bytes."""
        self.attributes: dict[int, bytes] = {}
        """The first of each type."""
        self.repeated: list[tuple[int, bytes]] = []
        """What came again: further peers of a permission."""
        self.integrity = -1
        """Where the integrity attribute begins; -1 where there is none."""
        self.intact: bool | None = None
        """Whether the fingerprint is right; None where there is none."""

    def is_modern(self) -> bool:
        """Whether it has the cookie."""
        return self.transaction[:4] == COOKIE

    def text(self, attribute: int) -> str:
        """Return an attribute that is text; empty where it is not there."""
        value = self.attributes.get(attribute)
        return value.decode("utf-8", "replace").rstrip("\0") if value else ""

    def endpoint(self, attribute: int) -> Endpoint | None:
        """Return the address in an attribute; None where it is not there or holds none."""
        value = self.attributes.get(attribute)
        if value is None:
            return None
        return address(value, _UNMASKED if attribute == MAPPED_ADDRESS else self.transaction)

    def peers(self) -> list[Endpoint]:
        """Return the peers that it names."""
        values = [self.attributes[XOR_PEER]] if XOR_PEER in self.attributes else []
        values += [value for kind, value in self.repeated if kind == XOR_PEER]
        found = [address(value, self.transaction) for value in values]
        return [one for one in found if one is not None]


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
    message = Message(octets[0] << 8 | octets[1], data[4:HEADER])
    attributes, left, at = message.attributes, MOST, HEADER
    while at < size:
        if not left or size - at < 4:
            raise WireError("STUN attributes that do not fit")
        left -= 1
        name, length = octets[at] << 8 | octets[at + 1], octets[at + 2] << 8 | octets[at + 3]
        end = at + 4 + length
        if end > size:
            raise WireError(f"STUN attribute {name:#06x} of {length} bytes at {at}")
        value = data[at + 4 : end]
        if name in attributes:
            message.repeated.append((name, value))
        else:
            attributes[name] = value
            if name == INTEGRITY:
                message.integrity = at
            elif name == FINGERPRINT:
                message.intact = fingerprint(data[:at]) == value
        at = end + (-length & 3)
    return message


def fingerprint(covered: bytes) -> bytes:
    """Return the fingerprint of what stands before it in a message (RFC 8489 section 14.7)."""
    return (zlib.crc32(covered) ^ _FINGERPRINT).to_bytes(4, "big")


def signed(data: bytes, integrity: int) -> bytes:
    """Return what the integrity code at offset *integrity* is computed over: all before it, with a
    length as if the message ended behind it (RFC 8489 section 14.5).
    """
    return data[:2] + (integrity + 24 - HEADER).to_bytes(2, "big") + data[4:integrity]


def classic(message: Message) -> bool:
    """Say whether a message without cookie is RFC 3489's: known attributes, each of its size."""
    names = message.attributes
    if message.method != BINDING or message.kind == INDICATION or not _CLASSIC.issuperset(names):
        return False
    if message.kind == SUCCESS:
        return message.endpoint(MAPPED_ADDRESS) is not None
    return len(names.get(CHANGE_REQUEST, bytes(4))) == 4


def address(value: bytes, mask: bytes) -> Endpoint | None:
    """Return an address attribute, *mask* over it: the transaction where it is an XOR one."""
    size, octets, over = len(value), value, mask
    if size not in (8, 20) or len(mask) < 16 or octets[1] != (1 if size == 8 else 2):
        return None
    port = (octets[2] ^ over[0]) << 8 | octets[3] ^ over[1]
    if size == 20:
        masked = int.from_bytes(value[4:], "big") ^ int.from_bytes(mask, "big")
        return Endpoint(str(IPv6Address(masked)), port)
    first, second = octets[4] ^ over[0], octets[5] ^ over[1]
    third, fourth = octets[6] ^ over[2], octets[7] ^ over[3]
    return Endpoint(f"{first}.{second}.{third}.{fourth}", port)


def error_code(message: Message) -> int:
    """Return an error's code; 0 where there is none."""
    value = message.attributes.get(ERROR_CODE, b"")
    return (value[2] & 7) * 100 + value[3] if len(value) >= 4 else 0
