"""Bencoding, which BitTorrent uses for all that is not raw: bytes to values and back.

    INTEGER   i | digits, "-" before | e
    STRING    length in digits | : | bytes
    LIST      l | values | e
    DICT      d | (string | value) for each | e

A value nests at most `DEPTH` deep and holds at most `ITEMS` values, so that what it takes of memory
and stack is bounded whatever was sent. Keys need not be sorted, since programs disagree; of two
that are equal the first counts. BEP 3.
"""

from typing import TypeAlias

from backchannel.reader import WireError

Value: TypeAlias = "int | bytes | list[Value] | dict[bytes, Value]"
Dict: TypeAlias = dict[bytes, Value]

DEPTH = 12
"""Torrents nest six deep; version 2 file trees add one for each folder."""
ITEMS = 4096
_DIGITS = 20
"""Of a number: as many as 64 bits need. A length has at most half of them."""
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1
"""Of a number: BEP 3 sets no bound, and nothing that is sent needs more."""
_I, _L, _D, _E = b"ilde"


def read(
    data: bytes, offset: int = 0, *, items: int = ITEMS, depth: int = DEPTH
) -> tuple[Value, int]:
    """Return the value that begins at *offset* of *data*, and where it ends.

    Raises WireError where it is broken, not all there, or larger than *items* and *depth* allow.
    """
    return _Parser(data, items).value(offset, depth)


def read_dict(data: bytes, *, items: int = ITEMS) -> Dict:
    """Return the dictionary that *data* is, from its first byte to its last."""
    value, end = read(data, items=items)
    if not isinstance(value, dict):
        raise WireError("bencoded, but no dictionary")
    if end != len(data):
        raise WireError(f"{len(data) - end} bytes behind the dictionary")
    return value


def write(value: Value) -> bytes:
    """Return *value* bencoded, keys sorted as hashes and signatures need them."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%b" % (len(value), value)
    if isinstance(value, list):
        return b"l%be" % b"".join(map(write, value))
    return b"d%be" % b"".join(write(key) + write(value[key]) for key in sorted(value))


def octets(values: Dict, key: bytes) -> bytes:
    """Return the string at *key*; empty where there is none."""
    value = values.get(key)
    return value if isinstance(value, bytes) else b""


def number(values: Dict, key: bytes, missing: int = 0) -> int:
    """Return the integer at *key*; *missing* where there is none."""
    value = values.get(key)
    return value if isinstance(value, int) else missing


def inner(values: Dict, key: bytes) -> Dict:
    """Return the dictionary at *key*; an empty one where there is none."""
    value = values.get(key)
    return value if isinstance(value, dict) else {}


def listed(values: Dict, key: bytes) -> list[Value]:
    """Return the list at *key*; an empty one where there is none."""
    value = values.get(key)
    return value if isinstance(value, list) else []


class _Parser:
    """Reads *data*, and counts the values in it."""

    def __init__(self, data: bytes, items: int) -> None:
        self._data, self._left = data, items

    def value(self, at: int, depth: int) -> tuple[Value, int]:
        """Return the value at *at*, which may hold others *depth* deep, and where it ends."""
        self._left -= 1
        if self._left < 0:
            raise WireError("too many bencoded values")
        if at >= len(self._data):
            raise WireError(f"bencoded value ends at {at}")
        kind = self._data[at]
        if kind == _I:
            return self._number(at + 1)
        if kind not in (_L, _D):
            return self._string(at)
        if depth <= 0:
            raise WireError("bencoded values nest too deep")
        return self._dict(at + 1, depth - 1) if kind == _D else self._list(at + 1, depth - 1)

    def _list(self, at: int, depth: int) -> tuple[Value, int]:
        found: list[Value] = []
        while not self._ends(at):
            value, at = self.value(at, depth)
            found.append(value)
        return found, at + 1

    def _dict(self, at: int, depth: int) -> tuple[Value, int]:
        found: Dict = {}
        while not self._ends(at):
            key, at = self._string(at)
            value, at = self.value(at, depth)
            found.setdefault(key, value)
        return found, at + 1

    def _ends(self, at: int) -> bool:
        """Whether the list or dictionary ends at *at*; a value that is not there is not read."""
        return at < len(self._data) and self._data[at] == _E

    def _string(self, at: int) -> tuple[bytes, int]:
        colon = self._data.find(b":", at, at + _DIGITS // 2 + 1)
        size = self._data[at:colon] if colon > 0 else b""
        if not size.isdigit():
            raise WireError(f"no bencoded value at {at}")
        end = colon + 1 + int(size)
        if end > len(self._data):
            raise WireError(f"bencoded string of {int(size)} bytes at {at}")
        return self._data[colon + 1 : end], end

    def _number(self, at: int) -> tuple[int, int]:
        end = self._data.find(b"e", at, at + _DIGITS + 2)
        digits = self._data[at:end] if end > 0 else b""
        if not digits.removeprefix(b"-").isdigit():
            raise WireError(f"no bencoded number at {at}")
        if not _LEAST <= (value := int(digits)) <= _MOST:
            raise WireError(f"bencoded number of more than 64 bits at {at}")
        return value, end + 1
