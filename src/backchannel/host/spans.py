"""Which of many spans of time meet another one: a port may have had a million sockets."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar


class Span(Protocol):
    """Something that lasted."""

    @property
    def begin(self) -> int:
        """When it began."""

    @property
    def end(self) -> int:
        """When it ended."""


_Some = TypeVar("_Some", bound=Span)


class Spans(Generic[_Some]):
    """Spans in order of their beginnings, below a tree of the latest ends.

    To find *k* of *n* takes about *k* times the logarithm of *n*.
    """

    def __init__(self, rows: Sequence[_Some]) -> None:
        self._rows = sorted(rows, key=lambda each: each.begin)
        self._begins = [each.begin for each in self._rows]
        self._size = size = 1 << max(len(rows) - 1, 0).bit_length()
        self._latest = [-1] * size + [each.end for each in self._rows]
        self._latest += [-1] * (2 * size - len(self._latest))
        for node in range(size - 1, 0, -1):
            self._latest[node] = max(self._latest[2 * node], self._latest[2 * node + 1])

    def meeting(self, begin: int, end: int) -> Iterator[_Some]:
        """Yield those that were there at some time from *begin* to *end*, the first to begin
        first.
        """
        count = bisect_right(self._begins, end)
        todo = [(1, 0, self._size)]
        while todo:
            node, first, width = todo.pop()
            if first >= count or self._latest[node] < begin:
                continue
            if width == 1:
                yield self._rows[first]
            else:
                half = width // 2
                todo += (2 * node + 1, first + half, half), (2 * node, first, half)
