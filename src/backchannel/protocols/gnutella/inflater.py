"""The deflate stream of one direction, undone piece by piece and bounded.

Input is taken in blocks of fixed place and size, and what it may expand to is checked after each,
so that a bomb ends at the same byte however the stream was cut. Holds zlib's window and at most
one PIECE.
"""

import zlib
from collections.abc import Iterator

from backchannel.reader import WireError

BLOCK = 512
PIECE = 65_536
FREE, RATIO = 1 << 20, 64
"""A stream may expand to FREE bytes, and beyond that to RATIO times its size. Messages shrink to
between a third and a tenth; only zeros without end reach deflate's limit of 1,032."""
_AFTER_END = "data after the end of the deflate stream"


class Inflater:
    """Undoes one zlib stream."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()
        self._taken = self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what *data* unfolds to; raises WireError on damage, a bomb, or after the end."""
        at = 0
        while at < len(data):
            stop = at + BLOCK - self._taken % BLOCK
            block = data[at:stop]
            at += len(block)
            self._taken += len(block)
            yield from self._undo(block)
            if self._taken % BLOCK == 0 and self._given > FREE + RATIO * self._taken:
                raise WireError(f"deflate bomb: {self._given} bytes out of {self._taken}")

    def _undo(self, block: bytes) -> Iterator[bytes]:
        if self._stream.eof:
            raise WireError(_AFTER_END)
        before = self._stream.copy()
        try:
            pieces = list(self._pieces(block))
        except zlib.error:
            self._stream = before
            yield from self._prefix(block)
            return
        yield from pieces
        if self._stream.unused_data:
            raise WireError(_AFTER_END)

    def _pieces(self, block: bytes) -> Iterator[bytes]:
        out = b""
        # behind the end zlib takes no more, and still says that there is some
        while (block or len(out) == PIECE) and not self._stream.eof:
            out = self._stream.decompress(block, PIECE)
            block = self._stream.unconsumed_tail
            self._given += len(out)
            if out:
                yield out

    def _prefix(self, block: bytes) -> Iterator[bytes]:
        """Yield what the sound front of a damaged block holds, then raise."""
        for at in range(len(block)):
            try:
                yield from self._pieces(block[at : at + 1])
            except zlib.error as error:
                raise WireError("damaged deflate stream") from error
