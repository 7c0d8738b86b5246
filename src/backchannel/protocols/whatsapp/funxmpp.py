"""FunXMPP: XMPP's elements with words of a dictionary as numbers, up to 2016. Bytes in, values out.

    element     list of: tag | name, value ... | content, where the list has an even size
    list        f8, size u8 or f9, size u16
    value       a word's number u8, or ec to ef and u8 for further words
                fa user server | fb and ff: packed digits | fc size u8, fd size u20: text

In a packed text the first byte has the number of bytes that follow, and 0x80 where the last half
byte is none. The words are those of the dictionary that the opening numbers 5.
"""

from typing import NamedTuple, TypeAlias

from backchannel.reader import Reader, WireError

DICTIONARY = 5
STREAM, AUTH = 1, 12
MECHANISM, RESOURCE, USER, WAUTH_2 = 86, 137, 181, 191
_LIST8, _LIST16 = 0xF8, 0xF9
_FURTHER = range(0xEC, 0xF0)
_PAIR, _HEX, _TEXT8, _TEXT20, _DIGITS = 0xFA, 0xFB, 0xFC, 0xFD, 0xFF
_MOST_ATTRIBUTES = 16
_PACKED = {_HEX: "0123456789ABCDEF", _DIGITS: "0123456789-."}

Value: TypeAlias = int | str
"""A word's number, or text."""


class Element(NamedTuple):
    """One element, without its content."""

    tag: Value
    attributes: dict[Value, Value]


def read_element(body: bytes) -> Element:
    """Read the element that *body* is. Raises WireError where it is none."""
    reader = Reader(body)
    kind = reader.u8()
    if kind not in (_LIST8, _LIST16):
        raise WireError(f"element of kind {kind:02x}")
    size = reader.u8() if kind == _LIST8 else reader.u16()
    pairs = (size - 1) // 2
    if not size or pairs > _MOST_ATTRIBUTES:
        raise WireError(f"element of {size} parts")
    tag = _value(reader)
    attributes = {_value(reader): _value(reader) for _ in range(pairs)}
    if size % 2 and reader:
        raise WireError("bytes behind an element")
    return Element(tag, attributes)


def _value(reader: Reader) -> Value:
    kind = reader.u8()
    if kind == _PAIR:
        user, server = _simple(reader, reader.u8()), _simple(reader, reader.u8())
        return f"{user}@{server}"
    return _simple(reader, kind)


def _simple(reader: Reader, kind: int) -> Value:
    """Read a value of a *kind* that holds no other value."""
    if kind in _PACKED:
        return _packed(reader, _PACKED[kind])
    if kind == _TEXT8:
        return _text(reader, reader.u8())
    if kind == _TEXT20:
        return _text(reader, reader.u24() & 0xFFFFF)
    if kind in _FURTHER:
        return (kind - _FURTHER.start + 1) << 8 | reader.u8()
    if kind >= _FURTHER.stop:
        raise WireError(f"value of kind {kind:02x}")
    return kind


def _text(reader: Reader, size: int) -> str:
    return reader.take(size).decode("utf-8", "replace")


def _packed(reader: Reader, letters: str) -> str:
    size = reader.u8()
    halves = [half for octet in reader.take(size & 0x7F) for half in (octet >> 4, octet & 15)]
    if size & 0x80 and halves:
        halves.pop()
    if any(half >= len(letters) for half in halves):
        raise WireError("packed text of no digits")
    return "".join(letters[half] for half in halves)
