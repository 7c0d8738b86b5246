"""Tags: named values of hello messages, files and Kad's entries. Bytes in, a dictionary out.

    type u8 | name size u16 | name | value         the old form
    type u8 + 80 | name u8 | value                 the short form

A name of one byte is a number, and its meaning depends on what carries the tag. Strings of up to 22
bytes may have their length in the type. eMule's `opcodes.h` and `Packets.cpp`.
"""

import struct

from backchannel.protocols.edonkey.wire import HASH
from backchannel.reader import Reader, WireError
from backchannel.text import utf8

Value = int | str | bytes | float
Name = int | str
Tags = dict[Name, Value]

MOST = 256
"""Tags of one list that are read into the dictionary; more are walked over."""
SHOWN = 1024
"""Characters of a text that are kept."""

NAME, SIZE, KIND, SIZE_HIGH, SOURCES, COMPLETE = 0x01, 0x02, 0x03, 0x3A, 0x15, 0x30
DESCRIPTION, VERSION, RATING, COMMENT = 0x0B, 0x11, 0xF7, 0xF6
UDP_PORTS, EMULE_VERSION, MOD, BUDDY, BUDDY_PORT = 0xF9, 0xFB, 0x55, 0xFC, 0xFD
MEDIA = {0xD0: "artist", 0xD1: "album", 0xD2: "title", 0xD3: "seconds", 0xD4: "kbit/s",
         0xD5: "codec"}  # fmt: skip
_OLD_MEDIA = {"Artist": 0xD0, "Album": 0xD1, "Title": 0xD2, "length": 0xD3, "bitrate": 0xD4,
              "codec": 0xD5}  # fmt: skip
_SHORT, _STRING_1, _STRING_22 = 0x80, 0x11, 0x26


def read(reader: Reader, count: int) -> Tags:
    """Take *count* tags; of two with one name the first is kept."""
    found: Tags = {}
    for _ in range(count):
        name, value = _tag(reader)
        if len(found) < MOST:
            found.setdefault(name, value)
    return found


def text(tags: Tags, name: Name) -> str:
    """Return a text; empty where there is none."""
    value = tags.get(name)
    return value if isinstance(value, str) else ""


def number(tags: Tags, name: Name) -> int:
    """Return a number; 0 where there is none."""
    value = tags.get(name)
    return value if isinstance(value, int) else 0


def size(tags: Tags) -> int:
    """Return a file's size, whose upper half may stand in a tag of its own."""
    whole = tags.get(SIZE)
    if isinstance(whole, bytes):  # Kad keeps it in 8 bytes
        return int.from_bytes(whole[:8], "little")
    return number(tags, SIZE) | (number(tags, SIZE_HIGH) & 0xFFFF_FFFF) << 32


def _tag(reader: Reader) -> tuple[Name, Value]:
    kind = reader.u8()
    if kind & _SHORT:
        return reader.u8(), _value(reader, kind & ~_SHORT)
    name = reader.take(reader.u16le())
    if len(name) == 1:
        return name[0], _value(reader, kind)
    word = utf8(name[:SHOWN])
    return _OLD_MEDIA.get(word, word), _value(reader, kind)


def _value(reader: Reader, kind: int) -> Value:
    if kind == 0x03:
        return reader.u32le()
    if kind == 0x02:
        return _text(reader.take(reader.u16le()))
    if _STRING_1 <= kind <= _STRING_22:
        return _text(reader.take(kind - _STRING_1 + 1))
    if kind == 0x08:
        return reader.u16le()
    if kind in (0x09, 0x05):
        return reader.u8()
    if kind == 0x0B:
        return reader.u64le()
    if kind == 0x01:
        return reader.take(HASH)
    if kind == 0x04:
        [value] = struct.unpack("<f", reader.take(4))
        return float(value)
    if kind == 0x06:
        return reader.take(reader.u16le() // 8 + 1)
    if kind == 0x07:
        return reader.take(reader.u32le())
    if kind == 0x0A:
        return reader.take(reader.u8())
    raise WireError(f"a tag of unknown type {kind:02x}")


def _text(data: bytes) -> str:
    return utf8(data.removeprefix(b"\xef\xbb\xbf"))[:SHOWN]
