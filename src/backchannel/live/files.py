"""Files that a watch writes for months: rotated by size and age, and no reason to stop when full.

A file keeps its name; the one before becomes `NAME.1`, that before it `NAME.2`, each by one rename.
When the disk is full lines wait in memory, within a bound, then the oldest are lost and counted;
never half a line is left, and writing goes on as soon as there is room. A file that somebody moves
or deletes is begun anew.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from errno import EINVAL, ENOENT
from pathlib import Path

import msgspec

from backchannel.errors import reason
from backchannel.flows.columns import Column

BUFFER = 64 * 1024
WAITING = 4 << 20
"""Bytes of lines that wait while they cannot be written."""
RETRY = 1.0
"""Seconds between attempts to write again."""
MAGIC = b"PAR1"
"""What a Parquet file begins with; zeros, where somebody emptied it while it was written."""

Notice = Callable[[str], None]


class Rotation(msgspec.Struct, frozen=True):
    """When a file is rotated, and how many are kept."""

    size: int
    age: float | None
    keep: int


def shift(path: Path, keep: int) -> None:
    """Make room for a new file *path*: number those before up, and forget the last."""
    for number in range(keep - 1, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            numbered(path, number).replace(numbered(path, number + 1))
    with contextlib.suppress(FileNotFoundError):
        path.replace(numbered(path, 1))


def numbered(path: Path, number: int) -> Path:
    """Return the name of the *number*th file before *path*."""
    return path.with_name(f"{path.name}.{number}")


def is_there(path: Path, held: os.stat_result) -> bool:
    """Whether *path* is the name of the file that is *held* open. Raises OSError."""
    try:
        return os.path.samestat(held, path.stat())
    except FileNotFoundError:
        return False


class Lines:
    """One file of lines."""

    def __init__(self, path: Path, rotation: Rotation, notice: Notice) -> None:
        """Open *path* and go on at its end. Raises OSError."""
        self.path, self._rotation, self._notice = path, rotation, notice
        self.lost = 0
        """Lines that could not be written."""
        self._held: deque[bytes] = deque()
        self._held_size = 0
        self._troubled = 0.0
        self._fd = -1
        self._open()

    def write(self, line: bytes) -> None:
        """Write a line, its end included; soon, not at once."""
        self._held.append(line)
        self._held_size += len(line)
        if self._held_size >= BUFFER:
            self.flush()

    def flush(self) -> None:
        """Write what waits, and rotate where it is time."""
        if self._troubled and time.monotonic() - self._troubled < RETRY:
            self._bound()
            return
        try:
            if self._held:
                self._put(b"".join(self._held))
                self._recovered()
                self._held.clear()
                self._held_size = 0
            if self._due():
                self._rotate()
        except OSError as error:
            if not self._troubled:
                self._notice(f"{self.path}: {reason(error)}; lines wait, and may be lost")
            self._troubled = time.monotonic()
            self._bound()

    def _recovered(self) -> None:
        if self._troubled:
            self._troubled = 0.0
            self._notice(f"{self.path}: written again; {self.lost:,} lines were lost in all")

    def _bound(self) -> None:
        """Let the oldest lines go where too many wait."""
        while self._held_size > WAITING:
            self._held_size -= len(self._held.popleft())
            self.lost += 1

    def close(self) -> None:
        """Write everything and close."""
        self._troubled = min(self._troubled, 1.0)  # one more attempt, whenever the last one was
        self.flush()
        self.lost += len(self._held)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._size = os.fstat(self._fd).st_size
        self._born = time.monotonic()

    def _put(self, data: bytes) -> None:
        """Write all of *data* or nothing of it. Raises OSError."""
        if self._fd >= 0:
            held = os.fstat(self._fd)
            if is_there(self.path, held):
                self._size = held.st_size  # which is smaller where somebody emptied it
            else:
                self._notice(f"{self.path}: somebody moved or deleted it; another is begun")
                os.close(self._fd)
                self._fd = -1
        if self._fd < 0:
            self._open()
        done = 0
        try:
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += done

    def _due(self) -> bool:
        age = self._rotation.age
        old = age is not None and time.monotonic() - self._born >= age
        return self._size >= self._rotation.size or (old and self._size > 0)

    def _rotate(self) -> None:
        os.close(self._fd)
        self._fd = -1
        shift(self.path, self._rotation.keep)
        self._open()


class FlowFile:
    """The flow table as Parquet files. The one under way has another name until it is whole."""

    def __init__(self, path: Path, rotation: Rotation, notice: Notice) -> None:
        """Nothing is opened before there is a flow. Raises OSError where the folder cannot be."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - takes a second, in which no packet waits yet

        from backchannel.flows import table  # noqa: PLC0415 - Arrow loads slowly

        self._schema, self._arrow, self._open = table.SCHEMA, table.arrow, pq.ParquetWriter
        self.path, self._rotation, self._notice = path, rotation, notice
        self.lost = 0
        """Rows that could not be written, or lay in a file that was given up."""
        self._rows = 0
        """Rows in the file under way."""
        self._troubled = False
        """A file was given up, and none was whole since."""
        self._part = path.with_name(f"{path.name}.part")
        self._writer: pq.ParquetWriter | None = None
        self._born = 0.0
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(
        self, columns: Mapping[str, Column], claims: Mapping[int, tuple[str, str, str]]
    ) -> None:
        """Write flows that ended."""
        table = self._arrow(columns, claims)
        self._rows += table.num_rows
        try:
            if self._writer is None:
                self._part.parent.mkdir(parents=True, exist_ok=True)
                self._writer = self._open(self._part, self._schema, compression="zstd")
                self._born, self._held = time.monotonic(), self._part.stat()
            self._writer.write_table(table)
        except OSError as error:
            self._fail(error)

    def flush(self) -> None:
        """Rotate where it is time."""
        if self._writer is None:
            return
        age = self._rotation.age
        old = age is not None and time.monotonic() - self._born >= age
        try:
            large = self._found().st_size >= self._rotation.size
        except OSError as error:
            self._fail(error)
            return
        if old or large:
            self.close()

    def close(self) -> None:
        """Make the file whole, and give it its name."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            writer.close()
            self._look()
            shift(self.path, self._rotation.keep)
            self._part.replace(self.path)
        except OSError as error:
            self._fail(error)
            return
        self._rows = 0
        if self._troubled:
            self._troubled = False
            self._notice(f"{self.path}: written again; {self.lost:,} flows were lost in all")

    def _found(self) -> os.stat_result:
        """Return what is known of the file under way. Raises OSError where another has its name."""
        found = self._part.stat()
        if not os.path.samestat(found, self._held):
            raise FileNotFoundError(ENOENT, "somebody moved or deleted it")
        return found

    def _look(self) -> None:
        """Look whether the file that was closed is all that was written. Raises OSError."""
        self._found()
        with self._part.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise OSError(EINVAL, "somebody emptied it")

    def _fail(self, error: OSError) -> None:
        """Give up the file under way: a Parquet file with a hole cannot be read."""
        self.lost += self._rows
        if not self._troubled:
            self._notice(f"{self._part}: {reason(error)}; its flows are lost")
        self._troubled = True
        writer, self._writer = self._writer, None
        with contextlib.suppress(OSError):
            if writer is not None:
                writer.close()
        with contextlib.suppress(OSError):
            self._part.unlink()
        self._rows = 0
