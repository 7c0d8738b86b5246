"""Frames of one direction of a FastTrack session, after decryption. Bytes in, frames out.

    50                       ping: is somebody there?
    52                       pong
    4b  four bytes  body     a message; the four bytes are its type and its length, u16 each

The order of the four bytes depends on a number that both sides keep: it starts as 0x51 and each
message XORs it with the inverse of (type + length). After a hole that number is lost; frames are
then found again by trying the three orders, and a guess stands when the next frame starts where
it ends. At most one frame, 64 KiB, is held.
"""

from collections.abc import Iterator
from typing import NamedTuple

from backchannel.reader import WireError

_PING, _PONG, _MESSAGE = 0x50, 0x52, 0x4B
_LEADS = frozenset({_PING, _PONG, _MESSAGE})
_HEADER = 5
_START, _MASK = 0x51, 0xFFFFFFFF
_PLACES = ((2, 1, 3, 4), (1, 3, 2, 4), (1, 4, 3, 2))
"""Where in a header type high, type low, length high and length low stand: by the number mod 3."""

_SIZES: dict[int, tuple[int, int, int]] = {
    0x00: (0, 0xFFFF, 8),
    0x01: (0, 0xFFFF, 26),
    0x02: (8, 8 + 64, 1),
    0x03: (0, 0, 1),
    0x05: (23, 4096, 1),
    0x06: (9, 4096, 1),
    0x07: (10, 0xFFFF, 1),
    0x08: (2, 2, 1),
    0x09: (12, 1024, 1),
    0x0A: (9, 4096, 1),
    0x0B: (9, 4096, 1),
    0x0D: (10, 22 + 64, 1),
    0x15: (6, 10, 4),
    0x1D: (1, 64, 1),
    0x1E: (4, 4, 1),
    0x20: (5, 0xFFFF, 1),
    0x21: (5, 0xFFFF, 1),
    0x22: (27, 4096, 1),
    0x23: (4, 4, 1),
    0x24: (12, 1024, 1),
    0x26: (4, 4, 1),
    0x2B: (1, 1, 1),
    0x2C: (4, 4, 1),
}
"""Least and greatest size of each type's body and the step between; for guessing only."""
_ROUTED = {0x00: 0, 0x80: 13, 0xC0: 9}
"""Bytes of address before the body, by the flags in the high byte of the type."""


class Frame(NamedTuple):
    """One message."""

    kind: int
    flags: int
    body: bytes


class Framer:
    """Cuts the plain text of one direction into messages; pings and pongs are passed over."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._number: int | None = _START
        self._lost = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take plain text; yield the messages it completes. Raises WireError when out of step."""
        self._held += data
        while (frame := self._next()) is not None:
            yield frame

    def gap(self) -> None:
        """Bytes are missing: from now on the order of header bytes has to be guessed."""
        self._held.clear()
        self._number, self._lost = None, True

    def end(self) -> list[Frame]:
        """Nothing follows: return the last guessed message, if it is whole."""
        if self._number is None and not self._lost:
            for kind, flags, size in _guesses(self._held):
                if len(self._held) == _HEADER + size:
                    return [Frame(kind, flags, bytes(self._held[_HEADER:]))]
        return []

    def _next(self) -> Frame | None:
        if self._number is None:
            return self._guessed()
        held = self._held
        while held and held[0] in (_PING, _PONG):
            del held[0]
        if held and held[0] != _MESSAGE:
            raise WireError(f"a FastTrack frame cannot start with {held[0]:02x}")
        if len(held) < _HEADER:
            return None
        kind, flags, size = _header(held, self._number % 3)
        if len(held) < _HEADER + size:
            return None
        self._number ^= ~((flags << 8 | kind) + size) & _MASK
        return self._cut(kind, flags, size)

    def _cut(self, kind: int, flags: int, size: int) -> Frame:
        frame = Frame(kind, flags, bytes(self._held[_HEADER : _HEADER + size]))
        del self._held[: _HEADER + size]
        return frame

    def _guessed(self) -> Frame | None:
        """Return the next message whose end meets the beginning of another frame."""
        held, at = self._held, 0
        while len(held) - at >= _HEADER:
            if not self._lost and held[at] in (_PING, _PONG):
                at += 1
                continue
            start = held.find(_MESSAGE, at)
            if start != at:
                self._lost, at = True, start if start > 0 else len(held)
                continue
            for kind, flags, size in _guesses(held[at : at + _HEADER]):
                after = at + _HEADER + size
                if len(held) > after and held[after] not in _LEADS:
                    continue
                del held[:at]
                if len(held) <= after - at:
                    return None
                self._lost = False
                return self._cut(kind, flags, size)
            self._lost, at = True, at + 1
        del held[:at]
        return None


def _header(held: bytearray, order: int) -> tuple[int, int, int]:
    """Return type, flags and size of the header that *held* starts with."""
    flags, kind, high, low = _PLACES[order]
    return held[kind], held[flags], held[high] << 8 | held[low]


def _guesses(held: bytearray) -> list[tuple[int, int, int]]:
    """Return the (type, flags, size) that a header may mean, shortest first."""
    if len(held) < _HEADER or held[0] != _MESSAGE:
        return []
    readings = {_header(held, order) for order in range(3)}
    return sorted(filter(_likely, readings), key=lambda reading: (reading[2], reading))


def _likely(reading: tuple[int, int, int]) -> bool:
    kind, flags, size = reading
    if kind not in _SIZES or flags not in _ROUTED:
        return False
    least, most, step = _SIZES[kind]
    body = size - _ROUTED[flags]
    return least <= body <= most and (body - least) % step == 0
