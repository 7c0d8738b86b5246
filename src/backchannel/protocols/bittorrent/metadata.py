"""Info dictionaries that peers send each other (ut_metadata, BEP 9): pieces in, the whole out.

    d | msg_type 0 asks, 1 brings, 2 refuses | piece | total_size | e | up to 16 KiB of it

Held: one info dictionary, at most `torrent.LARGEST` bytes, until it is whole.
"""

from backchannel.protocols import bencode
from backchannel.protocols.bittorrent import torrent
from backchannel.reader import WireError

PIECE = 1 << 14
BRINGS = 1


class Assembly:
    """Puts one info dictionary together."""

    def __init__(self) -> None:
        self._size = 0
        self._pieces: dict[int, bytes] = {}

    def take(self, body: bytes) -> bytes | None:
        """Take a message's body; return the info dictionary once it is whole, and hold it no more.
        Raises WireError for a body that is none.
        """
        said, end = bencode.read(body)
        if not isinstance(said, dict):
            raise WireError("ut_metadata without a dictionary")
        if bencode.number(said, b"msg_type", -1) != BRINGS:
            return None
        size, number = bencode.number(said, b"total_size"), bencode.number(said, b"piece", -1)
        if not 0 < size <= torrent.LARGEST or not 0 <= number * PIECE < size:
            raise WireError(f"piece {number} of an info dictionary of {size} bytes")
        data = body[end:]
        if len(data) != min(PIECE, size - number * PIECE):
            raise WireError(f"{len(data)} bytes of an info dictionary of {size}")
        if size != self._size:  # or somebody lies; the last word counts
            self._size, self._pieces = size, {}
        self._pieces[number] = data
        if len(self._pieces) * PIECE < size:
            return None
        whole = b"".join(self._pieces[at] for at in sorted(self._pieces))
        self._size, self._pieces = 0, {}
        return whole
