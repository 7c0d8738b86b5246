"""Finds captures and reads them: paths in, chunks of whole packets out.

Files, folders (searched through), globs and `-` for standard input; each plain, gzip or
Zstandard. All inputs are read in the order of their first packets, so that the flows of a rotated
set continue from file to file.
"""

import io
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from backchannel.capture.damage import Damage
from backchannel.capture.records import Chunk, Records
from backchannel.capture.unpack import unpacked
from backchannel.errors import InputError

BUFFER = 256 * 1024
"""Bytes read at a time. Larger is slower: what was just read should still be in the cache."""
LARGEST = 17 << 20
"""How far the buffer grows for one record."""
HEADER = 24
"""Bytes of a pcap's file header; a pcapng's first block is longer."""
TOLD = 4
"""Files that are named where a folder holds no capture."""
LOOKED_AT = 512
"""First bytes that tell what a file is that is no capture."""
STDIN = "-"

_File: TypeAlias = io.FileIO | io.BufferedReader


def printable(path: str) -> str:
    """Return a path as text: bytes that are no UTF-8 are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class Source:
    """One capture. Read it once, in the order of `sources`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.packets = 0
        """Packets read so far."""
        self.done = 0
        """Bytes of the file read so far (packed ones, where it is packed)."""
        self.total = 0
        """Size of the file; 0 where it is not known."""
        self.first_frame = 0
        """Number of its first packet, counted from 1 over all sources; 0 before it is read."""
        self.first_time = 0
        """Nanoseconds since 1970 of its first packet; 0 where it is read but once."""
        self._before: Source | None = None
        self.once = path == STDIN or _flows_in(Path(path))
        """Whether it can be read but once: standard input, a named pipe."""
        if not self.once:
            self.total = Path(path).stat().st_size

    @property
    def name(self) -> str:
        """What to call it: its path, or `-`."""
        return printable(self.path)

    @property
    def place(self) -> str:
        """Where it really is, however it was named: `latest.pcap` may be one of a rotated set."""
        return self.path if self.once else os.path.realpath(self.path)

    def follow(self, before: "Source") -> None:
        """Count frames from where *before* ends."""
        self._before = before

    def probe(self) -> None:
        """Learn the first packet's time. Raises NotACapture for anything but a capture."""
        if self.once:
            return
        try:
            for chunk in self._chunks(BUFFER >> 2):
                for time, _, _, _ in chunk:
                    self.first_time = time
                    return
        except Damage:
            return  # a capture all the same, if not a good one
        finally:
            self.done = 0

    def chunks(self) -> Iterator[Chunk]:
        """Yield the packets. Each chunk is good until the next one is asked for.

        Raises Damage after the last good packet when the rest cannot be read.
        """
        before = self._before
        self.first_frame = before.first_frame + before.packets if before else 1
        self.packets = 0
        try:
            for chunk in self._chunks(BUFFER):
                self.packets += len(chunk)
                yield chunk
        except (ForeignCapture, Empty) as error:
            if self.once:
                raise
            raise Damage(self.path, 0, error.message) from None

    def sha256(self) -> str:
        """Return the SHA-256 of the file as it is on disk; empty where it is read but once."""
        if self.once:
            return ""
        from hashlib import file_digest  # noqa: PLC0415 - which takes long to load

        with Path(self.path).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    def _chunks(self, size: int) -> Iterator[Chunk]:
        if self.path == STDIN:
            yield from self._cut(io.FileIO(sys.stdin.fileno(), closefd=False), size)
            return
        try:
            with Path(self.path).open("rb", buffering=0) as file:
                yield from self._cut(file, size)
        except OSError as error:
            raise Damage(self.path, self.done, error.strerror or str(error)) from None

    def _cut(self, file: _File, size: int) -> Iterator[Chunk]:
        """Fill one buffer again and again; what is left of it moves to its front."""
        stream = unpacked(_Counted(file, self))
        buffer = memoryview(bytearray(size))
        held, records, ended = 0, None, ""
        while True:
            try:
                got = stream.read(buffer[held:])
            except ValueError as error:
                got, ended = 0, str(error)
            held += got
            if records is None:
                if held < HEADER and got:
                    continue
                records = self._begin(bytes(buffer[: min(held, LOOKED_AT)]), ended)
            before = records.offset
            chunk = records.cut(buffer, held)
            used = records.offset - before
            if len(chunk):
                yield chunk
            if records.damage or not got:
                break
            buffer[: held - used] = buffer[used:held]
            held -= used
            if records.needed > len(buffer):
                grown = memoryview(bytearray(min(LARGEST, max(records.needed, 2 * len(buffer)))))
                grown[:held] = buffer[:held]
                buffer = grown
        left = held - used
        if records.damage or ended or left:
            raise Damage(self.path, records.offset, records.damage or ended or _short(left))
        if records.left_out:
            raise Damage(self.path, records.left_out_at, _left_out(records))

    def _begin(self, head: bytes, ended: str) -> Records:
        """Look at the first bytes; *ended* says why there are not more, if that was damage."""
        if ended and len(head) < HEADER:
            raise Damage(self.path, 0, ended)
        try:
            return Records(head[:HEADER])
        except EOFError as error:
            raise Damage(self.path, 0, str(error)) from None
        except ValueError as error:
            if known := next((_OTHERS[magic] for magic in _OTHERS if head.startswith(magic)), ""):
                said = f"{known}; `editcap -F pcapng` converts it"
                raise ForeignCapture(self.path, said) from None
            if not head:
                raise Empty(self.path, "empty file") from None
            raise NotACapture(self.path, _what(head) or str(error)) from None


def _what(head: bytes) -> str:
    """Return what a file is that is no capture, where its first bytes tell."""
    if head[257:262] == b"ustar":
        return "a tar archive, to be unpacked first"
    return next((_PACKED[magic] for magic in _PACKED if head.startswith(magic)), "")


_PACKED = {
    b"PK\3\4": "a zip archive, to be unpacked first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive, to be unpacked first",
    b"Rar!\x1a\7": "a rar archive, to be unpacked first",
    b"\xfd7zXZ\0": "packed by xz, to be unpacked first",
    b"BZh": "packed by bzip2, to be unpacked first",
    b"\x04\x22\x4d\x18": "packed by lz4, to be unpacked first",
}
"""How packed files begin that captures are kept in, as file(1) knows them."""
_OTHERS = {
    b"GMBU": "a capture of Microsoft Network Monitor",
    b"RTSS": "a capture of Microsoft Network Monitor",
    b"snoop\0": "a capture of snoop",
    b"XCP\0": "a capture of NetXRay or Sniffer",
    b"TRSNIFF data": "a capture of Sniffer",
}
"""How the files of other programs begin, as Wireshark's readers know them."""


class NotACapture(InputError):  # noqa: N818 - what the file is
    """A file that is neither pcap nor pcapng."""


class ForeignCapture(NotACapture):
    """A capture in a format that is not read."""


class Empty(NotACapture):
    """A file without a byte: what a recorder leaves that found its disk full, or has just begun."""


class _Counted:
    """A file that tells its source how many bytes were read."""

    def __init__(self, file: _File, source: Source) -> None:
        self._file, self._source = file, source

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._source.done += len(data)
        return data

    def readinto(self, into: memoryview) -> int:
        size = self._file.readinto(into) or 0
        self._source.done += size
        return size


def _left_out(records: Records) -> str:
    one = records.left_out == 1
    many = "this packet was" if one else f"this packet and {records.left_out - 1:,} more were"
    return f"packet of unknown interface {records.left_out_interface}; {many} left out"


def _short(left: int) -> str:
    return f"cut off within a record ({left} bytes left)"


class Found(NamedTuple):
    """What paths name."""

    captures: list[Source]
    """In the order of their first packets."""
    others: list[NotACapture]
    """Files in folders and globs that are no captures, each with what it is."""


def _flows_in(path: Path) -> bool:
    """Whether a file has its bytes from a program, as that of `<(program)` in a shell."""
    return path.is_fifo() or path.is_char_device()


def sources(paths: Sequence[str]) -> list[Source]:
    """Return the captures that *paths* name, as `find` does."""
    return find(paths).captures


def find(paths: Sequence[str]) -> Found:
    """Return the captures that *paths* name, and what else is there.

    In folders and globs, files that are no captures are passed over; those in a format that is not
    read count as damaged. Raises InputError if a named file is not a capture, or nothing is there.
    Of several that are named, some may be empty, which count as damaged too.
    """
    others, empty = list[NotACapture](), list[Empty]()
    found = [source for path in paths for source in _expand(path, others, empty)]
    if empty and len(empty) == len(found):
        raise empty[0]
    unique = list({source.place: source for source in reversed(found)}.values())[::-1]
    unique.sort(key=lambda source: source.first_time)
    for before, after in itertools.pairwise(unique):
        after.follow(before)
    return Found(unique, list({other.path: other for other in others}.values()))


def _expand(path: str, others: list[NotACapture], empty: list[Empty]) -> list[Source]:
    """Return the captures of one path; add what is none to *others*, and a named file that has
    nothing in it to *empty*.
    """
    if path == STDIN:
        if sys.stdin is None:  # its descriptor was closed before we began
            raise InputError(path, "standard input is closed")
        return [Source(path)]
    if not path:  # a shell's variable that is not set; to pathlib it means the current folder
        raise InputError("''", "not found")
    place = Path(path)
    if place.is_file() or _flows_in(place):
        source = Source(path)
        try:
            source.probe()
        except Empty as error:
            empty.append(error)
        return [source]
    if place.is_dir():
        names = _within(path)
    else:
        import glob  # noqa: PLC0415 - most captures are named

        named = glob.glob(path, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        names = [file for name in named for file in _within(name)]
    captures = list[Source]()
    for name in sorted(set(names)):
        source = Source(name)
        try:
            source.probe()
        except ForeignCapture:
            captures.append(source)
        except NotACapture as error:
            others.append(error)
        else:
            captures.append(source)
    if not captures:
        raise InputError(path, _nothing(others) if names or place.is_dir() else "not found")
    return captures


def _within(folder: str) -> list[str]:
    """Return the files in a folder and below, and the folders there that cannot be read.

    A file is returned itself, and of devices and the like nothing.
    """
    if not os.path.isdir(folder):  # noqa: PTH112 - quicker, as below
        return [folder] if os.path.isfile(folder) else []  # noqa: PTH113
    closed = list[str]()
    walk = os.walk(folder, onerror=lambda error: closed.append(error.filename))
    files = [os.path.join(place, name) for place, _, names in walk for name in names]  # noqa: PTH118 - quicker
    return [*filter(os.path.isfile, files), *closed]


def _nothing(others: Sequence[NotACapture]) -> str:
    """Return that no capture is there, and what is there instead."""
    told = "; ".join(f"{Path(each.path).name}: {each.message}" for each in others[:TOLD])
    more = f"; {len(others) - TOLD} more" if len(others) > TOLD else ""
    return f"no capture there ({told}{more})" if told else "no capture there"
