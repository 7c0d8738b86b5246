"""TCP encapsulation: a stream of frames, each one IKE message or ESP packet. RFC 9329 §3.

    "IKETCP", from the side that opened the connection, once; then from both
    FRAME   length u16, these two bytes included | 0 u32 | ISAKMP header ...
            length u16                           | SPI u32 | sequence u32 ...

Behind a gap, and where the beginning was not seen, a frame is looked for: two in a row whose
contents are IKE, or ESP of a known SPI. Memory: two frames a side, 128 KiB.
"""

from collections.abc import Callable

from backchannel.protocols.ike.numbers import HEADER, is_version
from backchannel.reader import WireError

PREFIX = b"IKETCP"
LENGTH = 2
SHORTEST = LENGTH + 1
MARKER = bytes(4)
NONE, UNKNOWN = -1, -2

Known = Callable[[bytes], bool]
"""Says whether four bytes are an SPI of this side that was seen before."""


class Frames:
    """One side's bytes, cut into frames."""

    def __init__(self, known: Known, *, prefix: bool) -> None:
        self._buffer = bytearray()
        self._known = known
        self._prefix = prefix
        """True while the stream prefix may come."""
        self.prefixed = False
        """True once it came."""
        self._lost = False

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self._buffer += data

    def lose(self) -> None:
        """Bytes are missing: look for a frame in those that come."""
        self._buffer.clear()
        self._prefix, self._lost = False, True

    def take(self) -> bytes | None:
        """Cut the next frame's contents off the front; None means more bytes are needed.

        Raises WireError where what is there cannot be a frame.
        """
        buffer = self._buffer
        if self._prefix and not self._skip_prefix():
            return None
        if self._lost and not self._find():
            return None
        if len(buffer) < LENGTH:
            return None
        size = int.from_bytes(buffer[:LENGTH], "big")
        if size < SHORTEST:
            raise WireError(f"frame of {size} bytes")
        if len(buffer) < size:
            return None
        contents = bytes(buffer[LENGTH:size])
        del buffer[:size]
        return contents

    def _skip_prefix(self) -> bool:
        head = bytes(self._buffer[: len(PREFIX)])
        if head == PREFIX:
            del self._buffer[: len(PREFIX)]
            self.prefixed = True
        elif PREFIX.startswith(head):
            return False
        self._prefix = False
        return True

    def _find(self) -> bool:
        """Drop bytes up to the first place where two frames follow each other."""
        buffer = bytes(self._buffer)
        for at in range(len(buffer)):
            following = self._frame(buffer, at)
            if following == NONE:
                continue
            if following != UNKNOWN:
                following = self._frame(buffer, following)
            if following != NONE:
                del self._buffer[:at]
                self._lost = following == UNKNOWN
                return not self._lost
        self._buffer.clear()
        return False

    def _frame(self, buffer: bytes, at: int) -> int:
        """Return where a frame at *at* ends, NONE where there is none, or UNKNOWN so far."""
        start = at + LENGTH
        head = buffer[start : start + 4]
        if len(head) < 4:
            return UNKNOWN
        size = int.from_bytes(buffer[at:start], "big") - LENGTH
        if size >= 8 and self._known(head):
            return start + size
        if head != MARKER or size < HEADER + len(MARKER):
            return NONE
        header = buffer[start + 4 : start + 4 + HEADER]
        if len(header) < HEADER:
            return UNKNOWN
        long_enough = header[24:] == (size - len(MARKER)).to_bytes(4, "big")
        return start + size if long_enough and is_version(header[17]) else NONE
