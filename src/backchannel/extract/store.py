"""Puts files together from the pieces that decoders hand over, and says what they are.

Pieces may come in any order, twice, or never. What is contiguous from the start is hashed at once
and let go; what came early waits, within a bound. With a folder, bytes are also written there,
under a name we choose: a path or name from the wire never touches the file system.
"""

import heapq
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import Transfer
from backchannel.extract.media import HEAD, media_type

EARLY_BYTES = 8 << 20
"""Bytes of one file that may wait for a hole before them to fill."""
ALL_EARLY_BYTES = 64 << 20
PIECE_COST = 128
"""What keeping one waiting piece costs beside its bytes, so that tiny pieces are bounded too."""
OPEN_FILES = 4096
"""Files under way at once; the oldest is closed, and counted, when there are more."""
WRITTEN_BYTES = 16 << 30
"""Bytes that one run writes to the folder at most."""
MISSING_BYTES = 4 << 30
"""Bytes that were not seen, of all files of one run together, before what was: they take no room
on the disk, but as much time to be hashed as those that were seen.
"""
OUTPUTS = 128
"""Files that are open to be written at once: more may be under way than a process may open."""


class Extracted(msgspec.Struct, frozen=True):
    """One line of the manifest in the extraction folder."""

    sha256: str
    size: int
    declared_name: str
    declared_size: int
    media: str
    complete: bool
    sender: str
    recipient: str
    file: str


class _Assembly:
    """One file under way."""

    __slots__ = (
        "early",
        "early_bytes",
        "early_offsets",
        "end",
        "hashed",
        "hashes",
        "head",
        "lost",
        "opened",
        "output",
        "part",
        "seen",
        "written",
    )

    def __init__(self, opened: FileOpen) -> None:
        import hashlib  # noqa: PLC0415 - it takes long to load, and few captures have files

        self.opened = opened
        self.hashes = [hashlib.sha256()]
        if opened.sha1:
            self.hashes.append(hashlib.sha1())
        if opened.md5:
            self.hashes.append(hashlib.md5())
        self.hashed = 0  # contiguous bytes from the start
        self.seen = 0
        self.early: dict[int, bytes] = {}
        self.early_offsets: list[int] = []  # a heap
        self.early_bytes = 0
        self.head = b""
        self.lost = False  # pieces were let go, so the file cannot become whole
        self.part: Path | None = None
        """Where its bytes are written while it is under way."""
        self.end = self.written = 0
        """Bytes of that part with those that are missing, and those that were written there."""
        self.output: IO[bytes] | None = None

    def add(self, offset: int, data: bytes) -> None:
        """Take a piece; bytes for a place that was filled before are ignored."""
        data = _within(self.opened.size, offset, data)
        if offset < self.hashed:
            data = data[self.hashed - offset :]
            offset = self.hashed
        if not data:
            return
        if offset > self.hashed:
            self._hold(offset, data)
            return
        self._append(data)
        while self.early_offsets and self.early_offsets[0] <= self.hashed:
            first = heapq.heappop(self.early_offsets)
            piece = self.early.pop(first)
            self.early_bytes -= len(piece) + PIECE_COST
            if piece := piece[self.hashed - first :]:
                self._append(piece)

    def _hold(self, offset: int, data: bytes) -> None:
        held = self.early.get(offset)
        if held is None:
            heapq.heappush(self.early_offsets, offset)
            self.early_bytes += PIECE_COST
        elif len(held) >= len(data):
            return
        self.early_bytes += len(data) - len(held or b"")
        self.early[offset] = data

    def let_go(self) -> None:
        """Drop what waits; the file can no longer become whole."""
        self.early.clear()
        self.early_offsets.clear()
        self.early_bytes, self.lost = 0, True

    def _append(self, data: bytes) -> None:
        for running in self.hashes:
            running.update(data)
        if len(self.head) < HEAD:
            self.head += data[: HEAD - len(self.head)]
        self.hashed += len(data)

    def release(self) -> None:
        """Close what is written to, until more is. Raises OSError where the disk is full."""
        output, self.output = self.output, None
        if output is not None:
            assert self.part is not None
            try:
                output.close()
            except OSError as error:
                raise _named(error, self.part.parent) from error

    def whole(self) -> bool:
        """Whether nothing is missing, as far as it is told how much there is."""
        size = self.opened.size
        return not self.lost and not self.early and (size is None or self.hashed == size)

    def verified(self, said: bool | None) -> bool | None:
        """Whether declared hashes, or else the protocol's own checksum, agree."""
        if not self.whole():
            return None
        opened = self.opened
        declared = [value.lower() for value in (opened.sha1, opened.md5) if value]
        if not declared:
            return said
        return [running.hexdigest() for running in self.hashes[1:]] == declared


def _within(size: int | None, offset: int, data: bytes) -> bytes:
    """Return what of *data* at *offset* belongs to a file of *size* bytes, however large that is
    said to be.
    """
    return data if size is None else data[: min(len(data), max(0, size - offset))]


class FileStore:
    """All files under way. Scopes keep the keys of different flows apart."""

    def __init__(self, folder: Path | None = None, count: Callable[[str], None] | None = None):
        self._folder = folder
        self._count = count or (lambda _: None)
        self._files: dict[tuple[Any, str], _Assembly] = {}
        self._scopes: dict[Any, set[str]] = {}
        self._early = 0
        self._written = self._missing = 0
        self._serial = 0
        self._outputs: dict[_Assembly, None] = {}
        """Those that are open to be written, the one first that is it for longest."""
        self._part_name = f".part-{os.urandom(8).hex()}-"
        """What is under way is called so: several runs may write into one folder at once."""
        self.extracted: list[Extracted] = []
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def open(self, scope: Any, opened: FileOpen) -> Transfer | None:
        """Begin a file, or learn more about one that is open; may close the oldest to make room."""
        key = scope, opened.key
        if (known := self._files.get(key)) is not None:
            known.opened = _merged(known.opened, opened)
            return None
        closed = None
        if len(self._files) >= OPEN_FILES:
            self._count("files closed early to bound memory")
            oldest = next(iter(self._files))
            closed = self.close(oldest[0], FileClose(key=oldest[1]))
        self._files[key] = _Assembly(opened)
        keys = self._scopes.get(scope)
        if keys is None:
            keys = self._scopes[scope] = set()
        keys.add(opened.key)
        return closed

    def add(self, scope: Any, piece: FileData) -> None:
        """Take bytes of an open file; bytes of an unknown one are counted and dropped.

        Of a shared file they are no loss: another flow brought it whole already.
        """
        assembly = self._files.get((scope, piece.key))
        if assembly is None:
            if not piece.shared:
                self._count("file bytes without an open file")
            return
        before = assembly.early_bytes
        data = piece.data
        assembly.seen += len(data)
        assembly.add(piece.offset, data)
        if self._folder is not None:
            self._write(assembly, piece)
        if assembly.early_bytes != before:
            self._bound_early(assembly, before)

    def _bound_early(self, assembly: _Assembly, before: int) -> None:
        self._early += assembly.early_bytes - before
        if assembly.early_bytes > EARLY_BYTES or self._early > ALL_EARLY_BYTES:
            self._early -= assembly.early_bytes
            assembly.let_go()
            self._count("files with pieces let go to bound memory")

    def _write(self, assembly: _Assembly, piece: FileData) -> None:
        data = _within(assembly.opened.size, piece.offset, piece.data)
        if not data:
            return
        end = max(assembly.end, piece.offset + len(data))
        missing = max(0, end - assembly.written - len(data))
        missing -= max(0, assembly.end - assembly.written)  # as far as this piece changes it
        if self._written + len(data) > WRITTEN_BYTES or self._missing + missing > MISSING_BYTES:
            self._count("files not written whole: extraction limit reached")
            return
        if assembly.output is None:
            assembly.output = self._part(assembly)
        try:
            assembly.output.seek(piece.offset)
            assembly.output.write(data)
        except OSError as error:
            raise _named(error, self._folder) from error
        self._written += len(data)
        self._missing += missing
        assembly.written += len(data)
        assembly.end = end

    def _part(self, assembly: _Assembly) -> IO[bytes]:
        """Open the file that the bytes of *assembly* are written to, a new one or its own."""
        if len(self._outputs) >= OUTPUTS:
            self._release(next(iter(self._outputs)))
        self._outputs[assembly] = None
        if assembly.part is not None:
            return assembly.part.open("r+b")
        self._serial += 1
        assert self._folder is not None
        assembly.part = self._folder / f"{self._part_name}{self._serial}"
        return assembly.part.open("xb")

    def _release(self, assembly: _Assembly) -> None:
        self._outputs.pop(assembly, None)
        assembly.release()

    def close(self, scope: Any, closing: FileClose) -> Transfer | None:
        """End a file and say what came of it; None where it was not open."""
        assembly = self._files.pop((scope, closing.key), None)
        if assembly is None:
            return None
        keys = self._scopes[scope]
        keys.discard(closing.key)
        if not keys:
            del self._scopes[scope]
        opened, complete = assembly.opened, assembly.hashed > 0 and assembly.whole()
        self._early -= assembly.early_bytes
        sha256 = assembly.hashes[0].hexdigest() if complete else ""
        transfer = Transfer(
            use=opened.use,
            sender=opened.sender,
            recipient=opened.recipient,
            name=opened.name,
            size=assembly.hashed if opened.size is None else opened.size,
            seen=min(assembly.seen, opened.size or assembly.seen),
            complete=complete,
            sha256=sha256,
            verified=assembly.verified(closing.verified),
            media=media_type(assembly.head),
            id=opened.id,
        )
        if assembly.part is not None:
            self._keep(assembly, assembly.part, transfer)
        return transfer

    def _keep(self, assembly: _Assembly, part: Path, transfer: Transfer) -> None:
        from hashlib import file_digest  # noqa: PLC0415 - as above

        self._release(assembly)
        assert self._folder is not None
        with part.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        complete = digest == transfer.sha256  # and no limit kept anything from being written
        name = digest if complete else f"{digest}.partial"
        part.replace(self._folder / name)
        self.extracted.append(
            Extracted(
                sha256=digest,
                size=(self._folder / name).stat().st_size,
                declared_name=transfer.name,
                declared_size=transfer.size,
                media=transfer.media,
                complete=complete,
                sender=transfer.sender,
                recipient=transfer.recipient,
                file=name,
            )
        )

    def pause(self, scope: Any, key: str) -> Transfer | None:
        """End a file if all of the size that was told is there; any other waits for the rest.

        One that waits keeps nothing open: there may be thousands.
        """
        assembly = self._files.get((scope, key))
        if assembly is None:
            return None
        if assembly.opened.size is not None and assembly.whole():
            return self.close(scope, FileClose(key=key))
        self._release(assembly)
        return None

    def close_scope(self, scope: Any) -> list[Transfer]:
        """End every file of a flow that ended."""
        if scope not in self._scopes:
            return []
        keys = sorted(self._scopes[scope])
        closed = [self.close(scope, FileClose(key=key)) for key in keys]
        return [transfer for transfer in closed if transfer is not None]

    def abandon(self) -> None:
        """Remove what is not whole yet, because the run is broken off; the manifest names the rest.

        Raises nothing: a full disk may be why it was broken off.
        """
        for assembly in self._files.values():
            with suppress(OSError):
                self._release(assembly)
        self._files.clear()
        self._scopes.clear()
        if self._folder is not None:
            with suppress(OSError):
                for part in self._folder.glob(f"{self._part_name}*"):
                    part.unlink()
                self.finish()

    def finish(self) -> None:
        """Write the manifest. Call once, when every scope is closed."""
        if self._folder is not None:
            lines = [msgspec.json.encode(entry) for entry in self.extracted]
            try:
                (self._folder / "manifest.jsonl").write_bytes(
                    b"".join(line + b"\n" for line in lines)
                )
            except OSError as error:
                raise _named(error, self._folder) from error


def _named(error: OSError, folder: Path | None) -> OSError:
    """Return an *error* that says where it was: that of a full disk does not."""
    return OSError(error.errno, error.strerror, str(folder))


def _merged(known: FileOpen, new: FileOpen) -> FileOpen:
    """The fields of *known*, filled up from *new* where they were empty."""
    changes = {
        name: value
        for name, value in msgspec.structs.asdict(new).items()
        if value not in ("", None, False) and getattr(known, name) in ("", None)
    }
    return msgspec.structs.replace(known, **changes)
