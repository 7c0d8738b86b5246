"""Blocks that a connection brings, held against the hashes of their pieces and put into files.

Files are handed on as their blocks come, in any order; one whose pieces all agree is closed as
verified. Held: a running hash for each of UNDER_WAY pieces, at most EARLY bytes that came before
their turn, a bit for each piece, and the numbers of files.
"""

from collections import OrderedDict
from hashlib import sha1

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.bittorrent.torrent import Info

UNDER_WAY = 64
EARLY = 1 << 18
RUNS = 64
"""Runs of bytes of one piece that wait for those before them."""
OPEN = 256
"""Files under way at once."""


class Bits:
    """A set of small numbers, a bit each: *most* of them at most."""

    def __init__(self, most: int = 1 << 21) -> None:
        self._most = most
        self._octets: bytearray | None = None
        self.count = 0

    def add(self, number: int) -> bool:
        """Take a number in; False if it was there, or is too large."""
        if number >= self._most:
            return False
        at, bit, octets = number >> 3, 1 << (number & 7), self._octets
        if octets is None:
            octets = self._octets = bytearray(at + 1)
        elif at >= len(octets):
            octets += bytes(at + 1 - len(octets))
        if octets[at] & bit:
            return False
        octets[at] |= bit
        self.count += 1
        return True

    def has(self, number: int) -> bool:
        """Whether a number was taken in."""
        at, octets = number >> 3, self._octets
        return octets is not None and at < len(octets) and bool(octets[at] & 1 << (number & 7))


class _Piece:
    """A piece under way: a hash of what has come from its beginning on."""

    __slots__ = ("early", "hash", "last", "next")

    def __init__(self) -> None:
        self.hash = sha1(usedforsecurity=False)
        self.next = 0
        self.early: dict[int, bytearray] = {}
        """Runs of bytes by where they begin."""
        self.last = 0
        """Where the run begins that was added to last."""

    def hold(self, offset: int, data: bytes) -> int:
        """Keep bytes whose turn has not come; return how many."""
        run = self.early.get(self.last)
        if run is not None and self.last + len(run) == offset:
            run += data
            return len(data)
        if offset in self.early or len(self.early) >= RUNS:
            return 0
        self.early[offset] = bytearray(data)
        self.last = offset
        return len(data)


class Content:
    """What one connection brings of a torrent."""

    def __init__(self, info: Info, found: str, ends: tuple[str, str]) -> None:
        """*found* is the info hash; *ends* are the addresses of client and server."""
        self._info, self._id, self._ends = info, found, ends
        self._pieces: OrderedDict[tuple[Side, int], _Piece] = OrderedDict()
        self._early = 0
        self._good = Bits()
        self._wanted: dict[int, int] = {}
        """Open files, and how many of their pieces are not verified yet."""
        self._closed: set[int] = set()
        self.verified, self.failed = [0, 0], [0, 0]

    def add(self, side: Side, piece: int, offset: int, data: bytes) -> list[Output]:
        """Take bytes of a piece that *side* sent; return what they are of which files. What goes
        beyond the piece is nothing.
        """
        data = data[: max(0, self._info.length(piece) - offset)]
        if not data:
            return []
        out: list[Output] = []
        first = piece * self._info.piece_size + offset
        for number, place, take in self._info.spans(first, len(data)):
            if self._ready(side, number, out):
                at = self._info.solid[number].first + place - first
                out.append(FileData(key=str(number), offset=place, data=data[at : at + take]))
        if self._info.hashes and not self._good.has(piece):
            self._hash(side, piece, offset, data, out)
        return out

    def _ready(self, side: Side, number: int, out: list[Output]) -> bool:
        """Whether a file is open, or can be opened now."""
        if number in self._wanted:
            return True
        part = self._info.solid[number]
        if number in self._closed or part.filler or len(self._wanted) >= OPEN:
            return False
        size = self._info.piece_size
        pieces = range(part.first // size, (part.first + part.size - 1) // size + 1)
        self._wanted[number] = sum(not self._good.has(piece) for piece in pieces)
        opened = FileOpen(
            key=str(number),
            use=Capability.FILE_SHARING,
            name=part.name,
            size=part.size,
            sender=self._ends[side],
            recipient=self._ends[side.other],
            id=self._id,
        )
        out.append(opened)
        return True

    def _hash(self, side: Side, number: int, offset: int, data: bytes, out: list[Output]) -> None:
        piece = self._pieces.get((side, number))
        if piece is None:
            piece = self._pieces[side, number] = _Piece()
            if len(self._pieces) > UNDER_WAY:
                _, old = self._pieces.popitem(last=False)
                self._early -= sum(map(len, old.early.values()))
        if offset > piece.next:
            if room := data[: EARLY - self._early]:
                self._early += piece.hold(offset, room)
            return
        while True:
            fresh = data[piece.next - offset :]
            piece.hash.update(fresh)
            piece.next += len(fresh)
            if (early := piece.early.pop(piece.next, None)) is None:
                break
            self._early -= len(early)
            offset, data = piece.next, bytes(early)
        if piece.next >= self._info.length(number):
            del self._pieces[side, number]
            self._early -= sum(map(len, piece.early.values()))
            self._judge(side, number, piece.hash.digest(), out)

    def _judge(self, side: Side, number: int, digest: bytes, out: list[Output]) -> None:
        """A piece is whole: note whether it is what it should be."""
        if digest != self._info.hash(number):
            self.failed[side] += 1
            return
        self.verified[side] += 1
        self._good.add(number)
        size = self._info.piece_size
        for file, _, _ in self._info.spans(number * size, self._info.length(number)):
            if file not in self._wanted:
                continue
            self._wanted[file] -= 1
            if not self._wanted[file]:
                del self._wanted[file]
                self._closed.add(file)
                out.append(FileClose(key=str(file), verified=True))
