"""The stream in CRYPTO frames, put together from pieces in any order (RFC 9000 §7.5).

Holds LIMIT bytes at most, of them PIECES ahead of a hole. Bytes that came first are kept.
"""

from heapq import heappop, heappush

from backchannel.protocols.tls.wire import HEAD, read_message
from backchannel.reader import WireError

LIMIT = 32_768
PIECES = 256


class CryptoStream:
    """One side's bytes of the handshake."""

    __slots__ = ("_ahead", "_read", "_starts", "_whole")

    def __init__(self) -> None:
        self._whole = bytearray()
        """From the beginning, as far as no piece is missing."""
        self._ahead: dict[int, bytes] = {}
        self._starts: list[int] = []
        """Where the pieces in `_ahead` begin, as a heap."""
        self._read = 0
        """Bytes of messages that were returned."""

    def add(self, offset: int, data: bytes) -> None:
        """Take a piece. Raises WireError beyond the bounds."""
        if offset + len(data) > LIMIT:
            raise WireError(f"QUIC handshake beyond {LIMIT} bytes")
        if offset > len(self._whole):
            self._wait(offset, data)
            return
        self._extend(offset, data)
        while self._starts and self._starts[0] <= len(self._whole):
            start = heappop(self._starts)
            self._extend(start, self._ahead.pop(start))

    def _wait(self, offset: int, data: bytes) -> None:
        known = self._ahead.get(offset)
        if known is None:
            if len(self._ahead) >= PIECES:
                raise WireError(f"QUIC handshake in more than {PIECES} pieces ahead of a hole")
            heappush(self._starts, offset)
        if known is None or len(data) > len(known):
            self._ahead[offset] = data

    def _extend(self, offset: int, data: bytes) -> None:
        known = len(self._whole) - offset
        self._whole += data[known:] if known else data

    def next_message(self) -> tuple[int, bytes] | None:
        """Return kind and body of the next message of the handshake, once it is whole."""
        whole = self._whole
        found = read_message(whole, self._read)
        if found is None:
            return None
        kind, size = found
        start = self._read + HEAD
        if len(whole) < start + size:
            return None
        self._read = start + size
        return kind, bytes(whole[start : start + size])
