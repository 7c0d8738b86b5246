"""Puts fragmented IP datagrams together, in plain Python: the twin of `fragments`.

Where fragments overlap, the bytes that came first stay, for IPv4 and IPv6 alike. Everything is
bounded: datagrams, their pieces, all bytes together, and the time they wait.
"""

from collections.abc import Callable
from typing import Any

from backchannel.flows.settings import FlowSettings

LARGEST = 65_535


class _Datagram:
    def __init__(self, time: int) -> None:
        self.time = time
        self.pieces: list[tuple[int, bytes]] = []
        self.size = 0  # of the whole; 0 until its last piece was seen
        self.held = 0


class Fragments:
    """All unfinished datagrams, oldest first."""

    def __init__(self, settings: FlowSettings, count: Callable[[str], None]) -> None:
        self._settings, self._count = settings, count
        self._held: dict[Any, _Datagram] = {}
        self._bytes = 0

    def add(self, key: Any, start: int, body: bytes, time: int, *, more: bool) -> bytes | None:
        """Take one fragment; return the datagram's payload once it is whole."""
        self._expire(time)
        end = start + len(body)
        if end > LARGEST or not body or (more and len(body) % 8):
            self._count("fragments bad")
            return None
        datagram = self._held.get(key)
        if datagram is None:
            datagram = self._held[key] = _Datagram(time)
            self._bound()
        if not self._place(datagram, start, body, more=more):
            self._count("fragments bad")
            self._remove(key)
            return None
        if datagram.size and datagram.held == datagram.size:
            self._remove(key)
            return b"".join(piece for _, piece in datagram.pieces)
        self._bound()
        return None

    def finish(self) -> None:
        """The input ended: count what never became whole."""
        for _ in self._held:
            self._count("fragments unfinished")
        self._held.clear()
        self._bytes = 0

    def _place(self, datagram: _Datagram, start: int, body: bytes, *, more: bool) -> bool:
        """Add what is new of a piece. False where it contradicts the datagram's size."""
        end = start + len(body)
        last = datagram.pieces[-1] if datagram.pieces else None
        reach = last[0] + len(last[1]) if last else 0
        if not more:
            if (datagram.size and datagram.size != end) or reach > end:
                return False
            datagram.size = end
        elif datagram.size and end > datagram.size:
            return False
        fresh: list[tuple[int, bytes]] = []
        at, overlaps, conflicts = start, False, False
        for begin, piece in datagram.pieces:
            stop = begin + len(piece)
            if stop <= at or begin >= end:
                continue
            if begin > at:
                fresh.append((at, body[at - start : begin - start]))
            low, high = max(at, begin), min(end, stop)
            overlaps = True
            if piece[low - begin : high - begin] != body[low - start : high - start]:
                conflicts = True
            at = high
        if at < end:
            fresh.append((at, body[at - start :]))
        if conflicts:
            self._count("fragments conflicting")
        elif overlaps:
            self._count("fragments overlapping")
        if len(datagram.pieces) + len(fresh) > self._settings.fragment_parts:
            return False
        datagram.pieces = sorted(datagram.pieces + fresh)
        added = sum(len(piece) for _, piece in fresh)
        datagram.held += added
        self._bytes += added
        return True

    def _bound(self) -> None:
        settings = self._settings
        while len(self._held) > settings.fragments or self._bytes > settings.fragment_bytes:
            self._count("fragments dropped to bound memory")
            self._remove(next(iter(self._held)))

    def _expire(self, time: int) -> None:
        wait = self._settings.fragment_wait * 1_000_000_000
        while self._held:
            key, datagram = next(iter(self._held.items()))
            if time - datagram.time <= wait:
                return
            self._count("fragments timed out")
            self._remove(key)

    def _remove(self, key: Any) -> None:
        self._bytes -= self._held.pop(key).held
