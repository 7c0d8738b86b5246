"""Search expressions: a tree in prefix order. Bytes in, one line of text out.

    00 operator u8, two operands    0 and, 1 or, 2 not
    01 text                         a word or phrase
    02 text, name                   a property that is a text, such as the kind
    03 number u32, comparison u8, name      08: the same with 64 bits

A name is a tag's: its length in 16 bits, and one byte or a word. eMule's `SearchResults.cpp`.
"""

from backchannel.protocols.edonkey import tags
from backchannel.protocols.edonkey.wire import text16
from backchannel.reader import Reader, WireError
from backchannel.text import utf8

DEEPEST, MOST = 64, 512
"""Levels of a tree, and its leaves and branches: people type a dozen."""
SHOWN = 512
_OPERATORS = ("and", "or", "not")
_COMPARISONS = ("=", ">", "<", ">=", "<=", "<>")
_NAMES = {
    tags.SIZE: "size",
    tags.KIND: "type",
    0x04: "extension",
    tags.SOURCES: "sources",
    tags.COMPLETE: "complete sources",
    **tags.MEDIA,
}


def read(reader: Reader) -> str:
    """Take one expression."""
    return _Tree(reader).text()


class _Tree:
    def __init__(self, reader: Reader) -> None:
        self._reader, self._left = reader, MOST

    def text(self, depth: int = 0) -> str:
        """Return the branch that begins here."""
        self._left -= 1
        if depth > DEEPEST or self._left < 0:
            raise WireError("a search expression that is too large")
        reader, kind = self._reader, self._reader.u8()
        if kind == 0x00:
            which = reader.u8()
            if which >= len(_OPERATORS):
                raise WireError(f"unknown operator {which:02x} in a search")
            parts = self.text(depth + 1), self.text(depth + 1)
            if which == 0:
                return f"{parts[0]} {parts[1]}"
            return f"({parts[0]} {_OPERATORS[which]} {parts[1]})"
        if kind == 0x01:
            return utf8(text16(reader)[:SHOWN])
        if kind == 0x02:
            value = utf8(text16(reader)[:SHOWN])
            return f"{self._name()}:{value}"
        if kind in (0x03, 0x08):
            number = reader.u32le() if kind == 0x03 else reader.u64le()
            which = reader.u8()
            if which >= len(_COMPARISONS):
                raise WireError(f"unknown comparison {which:02x} in a search")
            return f"{self._name()}{_COMPARISONS[which]}{number}"
        raise WireError(f"unknown part {kind:02x} of a search")

    def _name(self) -> str:
        name = text16(self._reader)[:SHOWN]
        return _NAMES.get(name[0], f"{name[0]:02x}") if len(name) == 1 else utf8(name)
