"""Pieces of files between clients, put where they belong, and parts held against their hashes.

    eDonkey 46   hash | begin u32 | end u32 | bytes         c5 a2: with u64
    eMule 40     hash | begin u32 | packed size u32 | some of a zlib stream     c5 a1: begin u64

A file is parts of 9,728,000 bytes. Its hash is the MD4 of its only part, or of all parts' MD4 one
after the other. A packed block is one zlib stream over several messages that all name its
beginning. Held: HASHES part hashes, RUNNING parts under way and BLOCKS packed blocks, with zlib's
window each.
"""

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.edonkey import wire
from backchannel.protocols.edonkey.events import FileParts
from backchannel.protocols.edonkey.md4 import Md4, md4
from backchannel.protocols.edonkey.talk import Talk
from backchannel.protocols.gnutella.inflater import Inflater
from backchannel.reader import Reader, WireError

PART = 9_728_000
HASHES = 8192
"""Hashes of parts that are kept: of 80 GB."""
FILES, RUNNING, BLOCKS = 8, 4, 4
_NOTHING = md4(b"")


class Piece:
    """A piece whose bytes are coming."""

    def __init__(self, file: "_File", offset: int, packed: "_Block | None" = None) -> None:
        self.file, self.offset, self.packed = file, offset, packed


class _Block:
    """A packed block: what it unfolds to stands at *offset*."""

    def __init__(self, offset: int, size: int) -> None:
        self.offset, self.left = offset, size
        self.inflater = Inflater()


class _File:
    """What this flow brought of one file."""

    def __init__(self, hash_: str, sender: Side) -> None:
        self.hash, self.sender = hash_, sender
        self.octets = 0
        self.running: dict[int, tuple[int, Md4]] = {}
        """Parts under way: where each goes on, and its digest so far."""
        self.digests: dict[int, bytes] = {}
        """Of parts that came whole."""
        self.blocks: dict[int, _Block] = {}
        self.closed = False


class Incoming:
    """The files of one connection."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._files: dict[tuple[str, Side], _File] = {}
        self._hashes: dict[str, tuple[bytes, ...]] = {}

    def hashes(self, reader: Reader) -> None:
        """Learn a file's part hashes; raises WireError where they do not make the file's own."""
        file, count = wire.hash_of(reader), reader.u16le()
        found = tuple(reader.take(wire.HASH) for _ in range(count))
        if found and md4(b"".join(found)).hex() != file:
            raise WireError("part hashes that are not the file's")
        if found and sum(map(len, self._hashes.values())) + count <= HASHES:
            self._hashes[file] = found

    def begin(self, side: Side, key: tuple[int, int], head: bytes, size: int) -> Piece:
        """Return the piece that *head* announces; *size* bytes of it follow."""
        reader = Reader(head)
        file = self._file(wire.hash_of(reader), side)
        wide = key[1] in (wire.PART_64, wire.PACKED_PART_64)
        begin = reader.u64le() if wide else reader.u32le()
        if key in ((wire.EDONKEY, wire.PART), (wire.EMULE, wire.PART_64)):
            end = reader.u64le() if wide else reader.u32le()
            if end - begin != size:
                raise WireError(f"{size} bytes for {begin} to {end} of a file")
            return Piece(file, begin)
        packed = reader.u32le()
        block = file.blocks.get(begin)
        if block is None:
            if len(file.blocks) >= BLOCKS:
                file.blocks.pop(next(iter(file.blocks)))
            block = file.blocks[begin] = _Block(begin, packed)
        return Piece(file, begin, block)

    def opened(self, piece: Piece) -> list[Output]:
        """Tell of the file that *piece* is of, as far as it is known by now."""
        file, talk = piece.file, self._talk
        name, size = talk.name(file.hash), talk.size(file.hash)
        if not talk.is_new("open", file.sender, file.hash, name, size):
            return []
        return [self._open(file, size)]

    def take(self, piece: Piece, data: bytes, told: list[Output]) -> None:
        """Take the next bytes of *piece*; raises WireError where they do not unpack."""
        block = piece.packed
        if block is None:
            told.append(self._add(piece, data))
            return
        block.left -= len(data)
        piece.offset = block.offset
        try:
            for plain in block.inflater.feed(data):
                told.append(self._add(piece, plain))
                block.offset = piece.offset
        except WireError:
            self._drop(piece)
            raise
        if block.left <= 0:
            self._drop(piece)

    def lost(self, piece: Piece, size: int) -> None:
        """*size* bytes of it were never seen."""
        if piece.packed is not None:
            self._drop(piece)
        piece.offset += size

    def end(self, side: Side) -> list[Output]:
        """*side* sends no more: say what came, and close the files that are whole."""
        told: list[Output] = []
        for file in [file for file in self._files.values() if file.sender is side]:
            told += self._finish(file)
            del self._files[file.hash, side]
        return told

    def _open(self, file: _File, size: int | None) -> FileOpen:
        return FileOpen(
            key=f"ed2k:{file.hash}",
            shared=True,
            use=Capability.FILE_SHARING,
            name=self._talk.name(file.hash),
            size=size,
            sender=self._talk.account(file.sender),
            recipient=self._talk.account(file.sender.other),
            id=file.hash,
        )

    def _file(self, hash_: str, side: Side) -> _File:
        file = self._files.get((hash_, side))
        if file is None:
            if len(self._files) >= FILES:
                self._files.pop(next(iter(self._files)))
            file = self._files[hash_, side] = _File(hash_, side)
        return file

    def _drop(self, piece: Piece) -> None:
        for begin, block in list(piece.file.blocks.items()):
            if block is piece.packed:
                del piece.file.blocks[begin]

    def _add(self, piece: Piece, data: bytes) -> FileData:
        file, offset = piece.file, piece.offset
        file.octets += len(data)
        piece.offset += len(data)
        at = 0
        while at < len(data):
            index, inside = divmod(offset + at, PART)
            some = data[at : at + PART - inside]
            self._digest(file, index, inside, some)
            at += len(some)
        return FileData(key=f"ed2k:{file.hash}", shared=True, offset=offset, data=data)

    def _digest(self, file: _File, index: int, inside: int, data: bytes) -> None:
        """Bring the digest of a part on, if its bytes come in order."""
        if inside == 0:
            if len(file.running) >= RUNNING and index not in file.running:
                file.running.pop(next(iter(file.running)))
            file.running[index] = 0, Md4()
        place, running = file.running.get(index, (-1, None))
        if running is None or place != inside:
            return
        running.update(data)
        place += len(data)
        size = self._talk.size(file.hash)
        if place == PART or (size is not None and index * PART + place == size):
            del file.running[index]
            if len(file.digests) < HASHES:
                file.digests[index] = running.digest()
        else:
            file.running[index] = place, running

    def _finish(self, file: _File) -> list[Output]:
        """Hold the parts against their hashes. The last part is whole where its hash says so."""
        known, size = self._known(file)
        for index, (place, running) in file.running.items():
            if index < len(known) and running.digest() == known[index]:
                file.digests[index] = known[index]
                size = index * PART + place if index == len(known) - 1 else size
        compared = [index for index in range(len(known)) if index in file.digests]
        right = sum(file.digests[index] == known[index] for index in compared)
        told: list[Output] = [
            FileParts(
                hash=file.hash,
                name=self._talk.name(file.hash),
                octets=file.octets,
                parts=len(known),
                right=right,
                wrong=len(compared) - right,
            )
        ]
        if known and len(compared) == len(known) and size is not None:
            told.append(self._open(file, size))
            verified = right == len(known)
            told.append(FileClose(key=f"ed2k:{file.hash}", shared=True, verified=verified))
        return told

    def _known(self, file: _File) -> tuple[tuple[bytes, ...], int | None]:
        """Return the hashes of the parts that hold bytes, and the size; as far as known."""
        size, own = self._talk.size(file.hash), bytes.fromhex(file.hash)
        known = self._hashes.get(file.hash, ())
        if known[1:] and known[-1] == _NOTHING:
            return known[:-1], size  # its size is a multiple of a part's
        if known or (size is not None and size >= PART):
            return known, size
        place, running = file.running.get(0, (0, None))
        whole = size is not None or (running is not None and running.digest() == own)
        return ((own,), size or place) if whole else ((), None)
