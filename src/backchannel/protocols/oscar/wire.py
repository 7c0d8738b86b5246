"""OSCAR on the wire: FLAP frames, SNAC headers, TLVs, user information. Bytes in, values out.

    FLAP       2a | channel u8 | sequence u16 | length u16 | payload
    SNAC       family u16 | subtype u16 | flags u16 | request u32 | body
    TLV        tag u16 | length u16 | value
    user info  name8 | warning u16 (tenths of a percent) | count u16 | TLVs

Integers are big-endian; what ICQ brought with it (`text_le`) is little-endian.
Nothing here remembers anything.
"""

import re

from backchannel.model import Side
from backchannel.patterns import later
from backchannel.reader import Reader, WireError, u32_at
from backchannel.text import utf8

SIGN_ON, DATA, ERROR, SIGN_OFF, KEEP_ALIVE = 1, 2, 3, 4, 5
START, HEADER, SNAC_HEADER = 0x2A, 6, 10
CLIENT, SERVER = Side
"""By names of our own, because Python 3.11 takes half a microsecond to look one up in its class."""
VERSION = b"\0\0\0\x01"
EXTENDED = 0x80
"""Bit in the first octet of a SNAC's flags: a block of TLVs, with its length, stands before the
body."""

FRAME = later(
    rb"\x2a(?:\x02..[\x00-\x7f].\x00[\x01-\x25]\x00[\x01-\x40][\x00\x80][\x00-\x0f]"
    rb"|\x01....\x00\x00\x00\x01"
    rb"|\x04..[\x00-\x03].\x00[\x01-\x0b]\x00)",
    re.DOTALL,
)
"""What a frame looks like where it must be found again after a loss: 12 bytes at most."""
FRAME_SIZE = 12

# Who sends which message. Subtypes that both sides send, and 1 (error), are in neither table.
# open-oscar-server wire/snacs.go; iserverd "OSCAR (ICQ v7/v8/v9)", family pages.
FROM_CLIENT: dict[int, frozenset[int]] = {
    0x01: frozenset({2, 4, 6, 8, 9, 0x0C, 0x0E, 0x11, 0x14, 0x17, 0x1E, 0x20, 0x22}),
    0x02: frozenset({2, 4, 5, 9, 0x0B, 0x0F, 0x15}),
    0x03: frozenset({2, 4, 5, 0x0F, 0x10}),
    0x04: frozenset({2, 3, 4, 6, 8, 0x10}),
    0x07: frozenset({2, 4, 6}),
    0x09: frozenset({2, 4, 5, 6, 7, 8, 0x0A, 0x0B}),
    0x0A: frozenset({2}),
    0x0D: frozenset({2, 3, 4, 5, 6, 7, 8}),
    0x0E: frozenset({5, 7}),
    0x0F: frozenset({2, 4}),
    0x10: frozenset({2, 4, 6}),
    0x13: frozenset({2, 4, 5, 7, 0x14, 0x16, 0x18, 0x1A}),
    0x15: frozenset({2}),
    0x17: frozenset({2, 4, 6, 0x0B}),
}
FROM_SERVER: dict[int, frozenset[int]] = {
    0x01: frozenset({3, 5, 7, 0x0A, 0x0B, 0x0D, 0x0F, 0x10, 0x12, 0x13, 0x15, 0x18, 0x1F, 0x21}),
    0x02: frozenset({3, 6, 0x0A, 0x0C, 0x10}),
    0x03: frozenset({3, 0x0A, 0x0B, 0x0C}),
    0x04: frozenset({5, 7, 9, 0x0A, 0x0C, 0x17}),
    0x07: frozenset({3, 5, 7}),
    0x09: frozenset({3}),
    0x0A: frozenset({3}),
    0x0D: frozenset({9}),
    0x0E: frozenset({2, 3, 4, 6, 8}),
    0x0F: frozenset({3, 5}),
    0x10: frozenset({3, 5, 7}),
    0x13: frozenset({3, 6, 0x0E, 0x0F, 0x15, 0x19, 0x1B, 0x1C}),
    0x15: frozenset({3}),
    0x17: frozenset({3, 5, 7, 0x0A}),
}


class Snac:
    """The header of one message, and which side of the flow sent it. `snac` makes it."""

    __slots__ = ("family", "request", "side", "subtype")
    family: int
    subtype: int
    request: int
    side: Side


def snac(family: int, subtype: int, request: int, side: Side) -> Snac:
    """Return the header of a message, without the call that `__init__` would be."""
    made = Snac.__new__(Snac)
    made.family, made.subtype, made.request, made.side = family, subtype, request, side
    return made


class UserInfo:
    """What the service says of somebody wherever it names them."""

    __slots__ = ("name", "tlvs", "warning")

    def __init__(self, name: str, warning: int, values: dict[int, bytes]) -> None:
        self.name, self.warning, self.tlvs = name, warning, values


SPEAKERS = {
    (family, subtype): side
    for side, table in ((CLIENT, FROM_CLIENT), (SERVER, FROM_SERVER))
    for family, subtypes in table.items()
    for subtype in subtypes
}


def speaker(family: int, subtype: int) -> Side | None:
    """Return the side that sends this message; None where both do, or nobody knows."""
    return SPEAKERS.get((family, subtype))


def check_frame(data: bytes) -> None:
    """Raise WireError where these two bytes, or the first of them, cannot begin a frame."""
    if data[:1] not in (b"", b"\x2a"):
        raise WireError(f"FLAP must start with 2a, got {data[0]:02x}")
    if len(data) > 1 and not SIGN_ON <= data[1] <= KEEP_ALIVE:
        raise WireError(f"unknown FLAP channel {data[1]}")


def tlvs(reader: Reader) -> dict[int, bytes]:
    """Read TLVs to the end. Of several with one tag the first counts, as clients do it."""
    return _tlvs(reader, len(reader))


def counted_tlvs(reader: Reader) -> dict[int, bytes]:
    """Read a TLV count and that many TLVs."""
    return _tlvs(reader, reader.u16())


def _tlvs(reader: Reader, count: int) -> dict[int, bytes]:
    """Read *count* TLVs, or fewer where the bytes end."""
    found: dict[int, bytes] = {}
    octets, start, end = reader.data, reader.offset, reader.end
    at = start
    while count and at < end:
        begin = stop = at + 4
        if begin <= end:
            stop += octets[at + 2] << 8 | octets[at + 3]
        if stop > end:
            raise WireError(f"TLV at {at - start} of {end - start} bytes runs over the end")
        found.setdefault(octets[at] << 8 | octets[at + 1], octets[begin:stop])
        at = stop
        count -= 1
    reader.offset = at
    return found


def name8(reader: Reader) -> str:
    """Read a name with its length in one byte."""
    return utf8(reader.take(reader.u8()))


def text16(reader: Reader) -> bytes:
    """Read bytes with their length in two."""
    return reader.take(reader.u16())


def text_le(reader: Reader) -> bytes:
    """Read a NUL-terminated string with its little-endian length, NUL included; without NUL."""
    return reader.take(reader.u16le()).rstrip(b"\0")


def user_info(reader: Reader) -> UserInfo:
    """Read one user information block."""
    return UserInfo(name8(reader), reader.u16(), counted_tlvs(reader))


def u16_of(values: dict[int, bytes], tag: int, default: int = 0) -> int:
    """Return the number in a TLV of two bytes; *default* where it is missing or of another size."""
    value = values.get(tag)
    return default if value is None or len(value) != 2 else value[0] << 8 | value[1]


def u32_of(values: dict[int, bytes], tag: int, default: int = 0) -> int:
    """Return the number in a TLV of four bytes; *default* where it is missing or of another."""
    value = values.get(tag)
    return default if value is None or len(value) != 4 else u32_at(value, 0)


def ipv4(value: bytes) -> str:
    """Return four bytes as an address; empty for another size and for 0.0.0.0."""
    return ".".join(map(str, value)) if len(value) == 4 and any(value) else ""


def guid(value: bytes) -> str:
    """Return sixteen bytes as a capability is written, upper case with dashes."""
    text = value.hex().upper()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def same(one: str, other: str) -> bool:
    """Whether two screen names are one: case and blanks do not count."""
    return one == other or compressed(one) == compressed(other)


def compressed(name: str) -> str:
    """Return a screen name as it is compared."""
    for char in name:
        if not ("a" <= char <= "z" or "0" <= char <= "9"):
            return name.replace(" ", "").lower()
    return name
