"""A TCP stream cut into what a datagram would be: two ways, told by where the magic cookie stands.

    TURN       message | channel data and padding | ...                      RFC 8656 section 2.1
    ICE        length u16 | message, DTLS record, media packet | ...         RFC 4571, RFC 6544

Held: one piece of at most 64 KiB.
"""

from backchannel.protocols.stun.wire import COOKIE, size_of
from backchannel.reader import WireError

ENOUGH = 10
"""Bytes in which the cookie has shown where it stands."""


def framed(data: bytes | bytearray) -> bool:
    """Say whether a stream's first ENOUGH bytes have a length in front of a message."""
    return data[6:10] == COOKIE and data[4:8] != COOKIE


class Stream:
    """One side."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.deaf = False

    def lose(self) -> None:
        """Read no more: where pieces begin is lost."""
        self.deaf = True
        self.buffer.clear()

    def take(self, *, lengths: bool) -> bytes | None:
        """Return the next piece, None where it is not whole. Raises WireError for what is none."""
        buffer = self.buffer
        if self.deaf or len(buffer) < (2 if lengths else 4):
            return None
        start, size = 0, 0
        if lengths:
            start = 2
            whole = size = 2 + (buffer[0] << 8 | buffer[1])
        else:
            size = size_of(bytes(buffer[:4]))
            whole = size + (-size & 3) if buffer[0] >= 0x40 else size
            if not size:
                raise WireError("neither STUN nor channel data where one should begin")
        if len(buffer) < whole:
            return None
        piece = bytes(buffer[start:size])
        del buffer[:whole]
        return piece
