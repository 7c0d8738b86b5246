"""Small tables that a session keeps in bytes, since a set or a dict is several times as large.

Of most flows one or two things are told, and there may be ten thousands of them.
"""

from collections.abc import Hashable
from struct import Struct

from backchannel.hashes import with_mark

MARK = 8
"""Bytes by which a value is remembered."""
_mark = Struct("q").pack


def place(rows: bytes, key: bytes, width: int) -> int:
    """Return where the row begins that *key* opens, among rows of *width* bytes; -1: nowhere."""
    ours, theirs, size = rows, key, len(key)
    at, last = 0, len(rows) - size
    while at <= last:
        same = 0
        while same < size and ours[at + same] == theirs[same]:
            same += 1
        if same == size:
            return at
        at += width
    return -1


def without(rows: bytes, at: int, width: int) -> bytes:
    """Return *rows* without the one of *width* bytes at *at*."""
    octets, end = rows, len(rows)
    return octets[:at] + octets[min(at + width, end) : end]


def marked(marks: bytes, value: Hashable) -> bytes:
    """Return *marks* with that of *value* added; *marks* themselves where they have it already.
    Values of one table are of one type: 0 and "" have one mark.
    """
    return with_mark(marks, hash(value))


def unmarked(marks: bytes, value: Hashable) -> bytes:
    """Return *marks* without that of *value*; *marks* themselves where they lack it."""
    at = place(marks, _mark(hash(value)), MARK)
    return without(marks, at, MARK) if at >= 0 else marks
