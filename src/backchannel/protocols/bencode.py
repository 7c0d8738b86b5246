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

from backchannel.reader import WireError, cut

Value: TypeAlias = "int | bytes | list[Value] | dict[bytes, Value]"
Dict: TypeAlias = dict[bytes, Value]

DEPTH = 12
"""Torrents nest six deep; version 2 file trees add one for each folder."""
ITEMS = 4096
_DIGITS = 20
"""Of a number: as many as 64 bits need. A length has at most half of them."""
_SHORT = 18
"""Digits of a number that C's are large enough for."""
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1
"""Of a number: BEP 3 sets no bound, and nothing that is sent needs more."""
_I, _L, _D, _E, _COLON, _ZERO, _NINE, _MINUS = b"ilde:09-"


def read(
    data: bytes, offset: int = 0, *, items: int = ITEMS, depth: int = DEPTH
) -> tuple[Value, int]:
    """Return the value that begins at *offset* of *data*, and where it ends.

    Raises WireError where it is broken, not all there, or larger than *items* and *depth* allow.
    """
    parser = _Parser(data, offset, items)
    return parser.value(depth), parser.at


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
    """Reads *data* from *at* on, and counts the values in it."""

    __slots__ = ("_data", "_left", "at")

    def __init__(self, data: bytes, at: int, items: int) -> None:
        self._data, self.at, self._left = data, at, items

    def value(self, depth: int) -> Value:
        """Return the next value, which may hold others *depth* deep."""
        data, at = self._data, self.at
        self._left -= 1
        if self._left < 0:
            raise WireError("too many bencoded values")
        if at >= len(data):
            raise WireError(f"bencoded value ends at {at}")
        kind = data[at]
        if kind == _I:
            return self._number()
        if kind not in (_L, _D):
            return self._string()
        if depth <= 0:
            raise WireError("bencoded values nest too deep")
        self.at += 1
        return self._dict(depth - 1) if kind == _D else self._list(depth - 1)

    def _list(self, depth: int) -> list[Value]:
        found: list[Value] = []
        while not self._ends():
            found.append(self.value(depth))
        return found

    def _dict(self, depth: int) -> Dict:
        found: Dict = {}
        while not self._ends():
            key = self._string()
            value = self.value(depth)
            found.setdefault(key, value)
        return found

    def _ends(self) -> bool:
        """Whether the list or dictionary ends here; a value that is not there is not read."""
        ends = self.at < len(self._data) and self._data[self.at] == _E
        self.at += ends
        return ends

    def _string(self) -> bytes:
        data, start = self._data, self.at
        at, size, last = start, 0, min(len(data), start + _DIGITS // 2)
        while at < last and _ZERO <= data[at] <= _NINE:
            size = 10 * size + data[at] - _ZERO
            at += 1
        if at == start or at >= len(data) or data[at] != _COLON:
            raise WireError(f"no bencoded value at {start}")
        if size > len(data) - at - 1:
            raise WireError(f"bencoded string of {size} bytes at {start}")
        self.at = at + 1 + size
        return cut(data, at + 1, self.at)

    def _number(self) -> int:
        data, first = self._data, self.at + 1
        negative = first < len(data) and data[first] == _MINUS
        first += negative
        at, value, last = first, 0, min(len(data), first + _SHORT)
        while at < last and _ZERO <= data[at] <= _NINE:
            value = 10 * value + data[at] - _ZERO
            at += 1
        if first < at < len(data) and data[at] == _E:
            self.at = at + 1
            return -value if negative else value
        return self._long_number()

    def _long_number(self) -> int:
        """Return a number of many digits. Raises WireError for one that is none."""
        at = self.at + 1
        end = self._data.find(b"e", at, at + _DIGITS + 2)
        digits = self._data[at:end] if end > 0 else b""
        if not digits.removeprefix(b"-").isdigit():
            raise WireError(f"no bencoded number at {at}")
        if not _LEAST <= (value := int(digits)) <= _MOST:
            raise WireError(f"bencoded number of more than 64 bits at {at}")
        self.at = end + 1
        return value
