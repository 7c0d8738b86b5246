"""Files as Soulseek lists them, and lists too long to be held. Bytes in, files out.

    file      u8 | name | size u64 | extension | count u32 | (attribute u32 | value u32) ...
    folder    name | count u32 | files ...
    shares    zlib: count u32 | folders ... | u32 | count u32 | folders that are locked ...

Holds zlib's window, PIECE bytes and one file.
"""

from backchannel.events import SharedFile
from backchannel.protocols.gnutella.inflater import Inflater
from backchannel.protocols.soulseek import wire
from backchannel.reader import Reader, WireError

LISTED = 1000
"""Files of one list that are told; the others are counted."""
ENTRY = 65_536
"""Bytes of one entry of a list."""
_ATTRIBUTES = {0: "kbit/s", 1: "seconds", 2: "vbr", 4: "Hz", 5: "bits"}
_MOST_ATTRIBUTES = 32
_TOO_LONG = "an entry of a list that is too long"


class _BrokenError(WireError):
    """An entry that is none, however much follows it."""


def file(reader: Reader, folder: str = "") -> SharedFile:
    """Take one file."""
    reader.skip(1)
    name, size = wire.text(reader), reader.u64le()
    wire.text(reader)
    count = reader.u32le()
    if count > _MOST_ATTRIBUTES:
        raise _BrokenError("a file with too many attributes")
    said = [(reader.u32le(), reader.u32le()) for _ in range(count)]
    detail = ", ".join(f"{_ATTRIBUTES[key]} {value}" for key, value in said if key in _ATTRIBUTES)
    return SharedFile(name=f"{folder}\\{name}" if folder else name, size=size, detail=detail)


def files(reader: Reader, folder: str = "") -> tuple[list[SharedFile], int]:
    """Take a counted list of files: those that are told, and how many there are."""
    told: list[SharedFile] = []
    count = reader.u32le()
    for _ in range(count):
        one = file(reader, folder)
        if len(told) < LISTED:
            told.append(one)
    return told, count


class Shares:
    """Reads a list of all that somebody shares as it comes."""

    def __init__(self) -> None:
        self.told: list[SharedFile] = []
        self.total = 0
        self._inflater = Inflater()
        self._buffer = b""
        self._folders = self._files = -1
        """How many are still to come; -1 where not told yet."""
        self._folder = ""

    def feed(self, data: bytes) -> None:
        """Take more of the packed list; raises WireError where it is none."""
        for plain in self._inflater.feed(data):
            self._buffer += plain
            self._read()

    def _read(self) -> None:
        at, reader = 0, Reader(self._buffer)
        try:
            while self._folders:
                self._next(reader, at)
                at = reader.offset
        except _BrokenError:
            raise
        except WireError as error:  # it is not whole yet
            if len(self._buffer) - at > ENTRY:
                raise _BrokenError(_TOO_LONG) from error
        self._buffer = self._buffer[at:] if self._folders else b""

    def _next(self, reader: Reader, at: int) -> None:
        """Take an entry that begins at *at*; too long is the same whether it is whole or not."""
        self._entry(reader)
        if reader.offset - at > ENTRY:
            raise _BrokenError(_TOO_LONG)

    def _entry(self, reader: Reader) -> None:
        """Take the next entry; raises WireError where it is not whole."""
        if self._folders < 0:
            self._folders = reader.u32le()
        elif self._files <= 0:
            folder, count = wire.text(reader), reader.u32le()
            self._folder, self._files = folder, count
            self._folders -= not count
        else:
            one = file(reader, self._folder)
            self.total += 1
            self._files -= 1
            self._folders -= not self._files
            if len(self.told) < LISTED:
                self.told.append(one)
