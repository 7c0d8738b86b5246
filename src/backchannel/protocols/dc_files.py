"""Files between Direct Connect clients, whichever of NMDC and ADC asks: requests, bodies, lists.

    GET type name start bytes [ZL1] [RE1]       asks; SND, the answer, is the same, and then that
                                                many bytes come, with ZL1 as compressed by zlib
    type    file: TTH/<hash in base32>, files.xml.bz2, files.xml; list: a folder; tthl: hashes

A body holds what zlib and bz2 do, and of a list LISTED entries and a piece of MOST_TAG bytes. What
is inflated is bounded, see RATIO.
"""

import bz2
import re
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from backchannel.effects import FileClose, FileData, FileOpen, FilePaused
from backchannel.events import Download, Share, SharedFile
from backchannel.model import Capability
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.reader import WireError
from backchannel.text import unescape, utf8

MOST_SIZE = 1 << 50
CHUNK = 1 << 16
DEFLATED, FREE, RATIO = 512, 1 << 20, 100
"""What was packed may be FREE bytes, and beyond that RATIO times what came; that is looked at after
each block of DEFLATED bytes, so that it ends at the same byte however a stream was cut."""
BLOCK = 1 << 16
"""Segments of a file end on multiples of this, all but the last."""
LISTED = 1000
MOST_PLAIN = 8 << 20
"""Bytes of a list that are read; of longer ones the rest is not."""
MOST_TAG, DEPTH = 8192, 64
LISTS = "files.xml.bz2", "files.xml"
_HASH = later(r"TTH/([A-Z2-7]{39})$")
_TAG = re.compile(rb"<(/?)(File|Directory)\b([^<>]*)>")
_ATTRIBUTE = re.compile(rb'(Name|Size|TTH)="([^"]*)"')
_NUMBER = later(r"-?\d{1,18}$")


class Asked(NamedTuple):
    """What a client asks another for, or what comes."""

    kind: str
    name: str
    start: int
    size: int
    """Bytes; -1: to the end."""
    packed: bool

    @property
    def hash(self) -> str:
        """The file's tree hash, where it is asked for by that."""
        found = _HASH.match(self.name)
        return found[1] if found else ""


class Known(NamedTuple):
    """What a list says of a file."""

    name: str
    size: int


def read_asked(words: list[str]) -> Asked:
    """Read the words behind GET or SND. Raises WireError for others."""
    if len(words) < 4 or not _NUMBER.match(words[2]) or not _NUMBER.match(words[3]):
        raise WireError("no request for a file")
    start, size = int(words[2]), int(words[3])
    if not 0 <= start <= MOST_SIZE or not -1 <= size <= MOST_SIZE:
        raise WireError(f"request for {size} bytes at {start}")
    return Asked(words[0], words[1], start, size, "ZL1" in words[4:])


def ask(asked: Asked, account: str, known: dict[str, Known]) -> list[Output]:
    """Return what a request tells."""
    if asked.kind == "tthl":
        return []
    name = known[asked.hash].name if asked.hash in known else asked.name
    last = None if asked.size < 0 else asked.start + asked.size - 1
    return [
        Download(
            name=name,
            account=account,
            hash=f"TTH:{asked.hash}" if asked.hash else "",
            first=asked.start,
            last=last,
        )
    ]


class Body:
    """The bytes behind an answer."""

    def __init__(
        self, coming: Asked, sender: str, recipient: str, known: dict[str, Known], serial: int
    ) -> None:
        """*known*: what lists said of files, by their hash; this one's may add to it."""
        self._left = coming.size
        self._offset = coming.start
        self._packed = Packed() if coming.packed else None
        self.over = not coming.size and not coming.packed
        self._listing: Listing | None = None
        if coming.name in LISTS and not coming.start:
            self._listing = Listing(sender, known, packed=coming.name.endswith(".bz2"))
        elif coming.kind == "list":
            self._listing = Listing(sender, known, packed=False)
        self.opened = _opened(coming, sender, recipient, known, serial)

    def feed(self, data: bytes, told: list[Output]) -> bytes:
        """Take bytes of the side that sends; return what is behind the body."""
        if self._packed is None:
            mine, rest = data[: self._left], data[self._left :]
            self._take(mine, told)
            self.over = self._left <= 0
        else:
            rest = self._unpack(self._packed, data, told)
        if self.over:
            self.close(told)
        return rest

    def _unpack(self, packed: "Packed", data: bytes, told: list[Output]) -> bytes:
        for plain in packed.feed(data):
            more = len(plain) > self._left
            self._take(plain[: self._left], told)
            if more:
                raise WireError("more was packed than was told")
        self.over = packed.over
        return packed.rest

    def _take(self, data: bytes, told: list[Output]) -> None:
        self._left -= len(data)
        if data and self.opened:
            opened = self.opened
            told.append(
                FileData(key=opened.key, shared=opened.shared, offset=self._offset, data=data)
            )
        self._offset += len(data)
        if data and self._listing:
            self._listing.feed(data)

    def skip(self, size: int, told: list[Output]) -> bool:
        """*size* bytes were never seen. Say whether it is known what is behind them: more of the
        body, or its end. A list ends there in any case.
        """
        known = self._packed is None and size <= self._left
        self._list_over(told)
        self._left -= size
        self._offset += size
        if not known or not self._left:
            self.close(told)
        return known

    def _list_over(self, told: list[Output]) -> None:
        if self._listing:
            told += self._listing.finish()
            self._listing = None

    def close(self, told: list[Output]) -> None:
        """No more comes of it."""
        self.over = True
        self._list_over(told)
        if self.opened:
            key = self.opened.key  # of what has a hash, other segments may follow
            told.append(FilePaused(key=key) if self.opened.shared else FileClose(key=key))
            self.opened = None


def _opened(
    coming: Asked, sender: str, recipient: str, known: dict[str, Known], serial: int
) -> FileOpen | None:
    if coming.kind != "file":
        return None
    tree, end = coming.hash, coming.start + coming.size
    told = known.get(tree)
    size = told.size if told else end if end % BLOCK else None
    return FileOpen(
        key=f"tth:{tree} {recipient}" if tree else f"{serial}",
        shared=bool(tree),
        use=Capability.FILE_SHARING,
        name=told.name if told else coming.name,
        size=size,
        sender=sender,
        recipient=recipient,
        id=f"TTH:{tree}" if tree else "",
    )


class Packed:
    """Undoes one zlib stream, piece by piece; bytes may follow it."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()
        self._taken = self._given = 0
        self.over = False
        self.rest = b""
        """What is behind the stream's end."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what *data* unfolds to. Raises WireError on damage, or for a bomb."""
        at = 0
        while at < len(data) and not self.over:
            block = data[at : at + DEFLATED - self._taken % DEFLATED]
            at += len(block)
            self._taken += len(block)
            yield from self._undo(block)
            if self._stream.eof:
                self.over, self.rest = True, self._stream.unused_data + data[at:]
            elif self._taken % DEFLATED == 0 and self._given > FREE + RATIO * self._taken:
                raise WireError(f"{self._given} bytes were packed into {self._taken}")

    def _undo(self, block: bytes) -> Iterator[bytes]:
        before = self._stream.copy()
        try:
            pieces = list(self._pieces(block))
        except zlib.error:  # what stands before the damage is told, as if it had come alone
            self._stream = before
            for at in range(len(block)):
                yield from self._sound(block[at : at + 1])
            return
        yield from pieces

    def _sound(self, octet: bytes) -> Iterator[bytes]:
        try:
            yield from self._pieces(octet)
        except zlib.error as error:
            raise WireError(f"zlib: {error}") from None

    def _pieces(self, block: bytes) -> Iterator[bytes]:
        out = b""
        while (block or len(out) == CHUNK) and not self._stream.eof:
            out = self._stream.decompress(block, CHUNK)
            block = self._stream.unconsumed_tail
            self._given += len(out)
            if out:
                yield out


class Listing:
    """The list of all that somebody shares, in XML, as it comes."""

    def __init__(self, owner: str, known: dict[str, Known], *, packed: bool) -> None:
        self._owner, self._known = owner, known
        self._unpack: Any = bz2.BZ2Decompressor() if packed else None
        self._rest = b""
        self._folders: list[str] = []
        self._files: list[SharedFile] = []
        self._total = self._plain = 0
        self._broken = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the list; a broken one is read as far as it goes."""
        if self._broken:
            return
        if self._unpack is None:
            self._read(data)
            return
        try:  # byte by byte, so that damage shows at the same one however it came
            for at in range(len(data)):
                self._undo(data[at : at + 1])
        except OSError:
            self._broken = True

    def _undo(self, octet: bytes) -> None:
        while not self._broken and not self._unpack.eof:
            plain = self._unpack.decompress(octet, CHUNK)
            octet = b""
            if plain:
                self._read(plain)
            elif self._unpack.needs_input:
                return

    def _read(self, data: bytes) -> None:
        self._plain += len(data)
        if self._plain > MOST_PLAIN:
            self._broken = True
            return
        if b">" not in data:
            self._rest = (self._rest + data)[:MOST_TAG]
            return
        text, at = self._rest + data, 0
        for found in _TAG.finditer(text):
            at = found.end()
            self._tag(bool(found[1]), found[2] == b"File", found[3])
        last = text.rfind(b"<", at)
        self._rest = text[last:] if last >= 0 and len(text) - last < MOST_TAG else b""

    def _tag(self, closes: bool, is_file: bool, inside: bytes) -> None:
        if closes:
            if not is_file and self._folders:
                self._folders.pop()
            return
        values = {
            name: unescape(utf8(value)) for name, value in _ATTRIBUTE.findall(inside[:MOST_TAG])
        }
        name = values.get(b"Name", "")
        if is_file:
            self._file("/".join((*self._folders, name)), values)
        elif not inside.endswith(b"/") and len(self._folders) < DEPTH:
            self._folders.append(name[:255])

    def _file(self, path: str, values: dict[bytes, str]) -> None:
        self._total += 1
        size, tree = values.get(b"Size", ""), values.get(b"TTH", "")
        if len(self._files) >= LISTED:
            return
        bytes_ = int(size) if _NUMBER.match(size) and 0 <= int(size) <= MOST_SIZE else 0
        path = path[:1024]
        self._files.append(SharedFile(name=path, size=bytes_, hash=f"TTH:{tree}" if tree else ""))
        if tree and len(self._known) < LISTED:
            self._known[tree] = Known(path.rpartition("/")[2], bytes_)

    def finish(self) -> list[Output]:
        """Return what the list was."""
        if not self._total:
            return []
        return [Share(owner=self._owner, files=tuple(self._files), total=self._total)]
