"""The bytes of one side as UTF-8, whatever Unicode they are in.

RFC 6120 §11.6 allows UTF-8 alone, and servers that leave that to expat take UTF-16 as well, with a
byte order mark or without (Prosody 0.12 does). What a stream is in shows in its first two bytes,
and may change where a stream begins again. Held: one byte, and what the decoder holds.
"""

import codecs

_BLANK = b" \t\r\n"
_WIDE = {
    b"\xff\xfe": "utf-16-le",
    b"<\0": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
    b"\0<": "utf-16-be",
}
_FIRST = frozenset(mark[:1] for mark in _WIDE)


class Unicode:
    """Takes one side's bytes. *begun*: False where its beginning was not captured."""

    def __init__(self, *, begun: bool) -> None:
        self._fresh = begun
        """Whether the next byte that is not blank is a stream's first."""
        self._first = b""
        self._wide: codecs.IncrementalDecoder | None = None
        self._odd = False
        """Whether half of a character of UTF-16 came."""

    @property
    def partial(self) -> bool:
        """Whether a byte is held."""
        return bool(self._first) or self._odd

    @property
    def wide(self) -> bool:
        """Whether they are in UTF-16."""
        return self._wide is not None

    def begin(self) -> None:
        """A stream begins again."""
        self._fresh, self._first, self._wide, self._odd = True, b"", None, False

    def take(self, data: bytes) -> bytes:
        """Return the next bytes as UTF-8."""
        if self._fresh:
            data = self._first + data
            self._first = b""
            mark = data.lstrip(_BLANK)[:2]
            if len(mark) < 2 and (not mark or mark in _FIRST):
                at = len(data) - len(mark)
                self._first = data[at:]
                return data[:at]
            self._fresh = False
            if mark in _WIDE:
                self._wide = codecs.getincrementaldecoder(_WIDE[mark])("replace")
                self._odd = False
                data = data.lstrip(_BLANK)
        if self._wide is None:
            return data
        self._odd ^= len(data) % 2 == 1
        return self._wide.decode(data).encode()

    def lose(self, size: int) -> None:
        """*size* bytes are missing."""
        self._first, self._fresh = b"", False
        if self._wide is not None:
            self._wide.reset()
            self._odd ^= size % 2 == 1
            if self._odd:
                self._wide.decode(b"\0")  # half of a character: the other half comes


def utf8(data: bytes) -> bytes:
    """Return the first bytes of a side as UTF-8."""
    return Unicode(begun=True).take(data)
