"""FastTrack on the wire: handshake, packed numbers, tagged files. Bytes in, values out.

    hello    nonce u32 | seed u32 | requested encryption type u32, masked      in clear
    answer   seed u32 | encryption type u32, masked                            in clear
    name     network name, NUL                                  encrypted from here, each way
    file     UUHash 20 | id packed | size packed | count packed, then count tags:
             tag packed | length packed | value

Integers are big-endian. Packed ones hold seven bits a byte, the highest first, and every byte but
the last has its high bit set.
"""

from typing import NamedTuple

from backchannel.events import SharedFile
from backchannel.protocols.fasttrack.cipher import KNOWN, unmask
from backchannel.protocols.fasttrack.uuhash import SIZE as HASH_SIZE
from backchannel.reader import Reader, WireError
from backchannel.text import decode

HELLO, ANSWER = 12, 8
NAME_LIMIT = 64
GIFT_NONCE = 0xFA00B62B
"""giFT and MLDonkey open every session with this number, KaZaA with ever new ones."""
_PACKED_LIMIT = 5
_TAG_LIMIT = 256

_NUMBERS = {
    0x01: "year",
    0x05: "seconds",
    0x11: "bitdepth",
    0x15: "quality",
    0x1D: "rating",
    0x21: "size",
}
_PAIRS = {0x0D: "resolution"}
_TEXTS = {
    0x04: "title",
    0x06: "artist",
    0x08: "album",
    0x0A: "language",
    0x0C: "keywords",
    0x0E: "genre",
    0x10: "os",
    0x12: "type",
    0x18: "version",
    0x1A: "comment",
    0x1C: "codec",
}
ANY, FILE_NAME, FILE_HASH, LONG_HASH = 0x00, 0x02, 0x03, 0x10003
"""The long hash, of magnet links, is the usual one and 16 bytes more, which nobody compares."""
TAGS = {ANY: "", FILE_NAME: "name", FILE_HASH: "hash", LONG_HASH: "hash"}
TAGS |= _NUMBERS | _PAIRS | _TEXTS


class Hello(NamedTuple):
    """The first bytes of whoever opened the connection."""

    nonce: int
    seed: int
    kind: int
    """Encryption type asked for, its mask undone."""


def read_hello(data: bytes) -> Hello:
    """Read the twelve bytes that open a session. Undoing the mask costs a run of the mixer."""
    nonce, seed, masked = (int.from_bytes(data[at : at + 4], "big") for at in (0, 4, 8))
    return Hello(nonce, seed, unmask(seed, masked))


def read_answer(data: bytes) -> tuple[int, int]:
    """Read the eight bytes that answer; return the seed and the encryption type."""
    seed = int.from_bytes(data[:4], "big")
    return seed, unmask(seed, int.from_bytes(data[4:8], "big"))


def plausible(kind: int) -> bool:
    """Whether *kind* has only bits that an encryption type may have; one number in 2**23 has."""
    return kind & ~KNOWN == 0


def is_name(name: bytes) -> bool:
    """Whether *name* can be the name of a network."""
    return 0 < len(name) <= NAME_LIMIT and all(0x20 <= byte < 0x7F for byte in name)


def packed(reader: Reader) -> int:
    """Read a packed number, of at most 35 bits."""
    value = 0
    for _ in range(_PACKED_LIMIT):
        byte = reader.u8()
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value
    raise WireError(f"packed number longer than {_PACKED_LIMIT} bytes")


def tagged(reader: Reader) -> tuple[int, bytes]:
    """Read one tag; return its number and value."""
    return packed(reader), reader.take(packed(reader))


def told(tag: int, value: bytes) -> str:
    """Return the value of *tag* as text; empty where it says nothing."""
    if tag in _NUMBERS:
        return str(packed(Reader(value))) if value else ""
    if tag in _PAIRS:
        pair = Reader(value)
        return f"{packed(pair)}x{packed(pair)}" if value else ""
    if (tag == FILE_HASH and len(value) == HASH_SIZE) or tag == LONG_HASH:
        return value[:HASH_SIZE].hex()
    return text(value)


def read_file(reader: Reader, kind: str = "") -> SharedFile:
    """Read a hash, an id, a size and tags; *kind* is what sort of file it is said to be."""
    digest, _, size = reader.take(HASH_SIZE), packed(reader), packed(reader)
    name, details = "", [kind] if kind else []
    count = packed(reader)
    if count > _TAG_LIMIT:
        raise WireError(f"{count} tags on one file")
    for _ in range(count):
        tag, value = tagged(reader)
        if tag == FILE_NAME:
            name = text(value)
        elif tag in _NUMBERS or tag in _PAIRS or tag in _TEXTS:
            details.append(f"{TAGS[tag]}={told(tag, value)}")
    return SharedFile(name=name, size=size, hash=digest.hex(), detail="; ".join(details))


def text(value: bytes) -> str:
    """Return text of a program of that time: UTF-8 where it is, else Windows' own code page."""
    return decode(value, "utf-8", "cp1252")
