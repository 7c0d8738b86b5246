"""The info dictionary of a torrent: its name, files and piece hashes. Bytes in, values out.

    version 1   name | piece length | pieces: 20 bytes each | length, or files: length, path
    version 2   name | piece length | meta version 2 | file tree: name -> .. -> "" -> length

Pieces run through all files in order. Names are what somebody wrote: they are shown and never used.
BEP 3, 27, 47 and 52.
"""

from bisect import bisect_right
from collections.abc import Iterator
from hashlib import sha1, sha256

import msgspec

from backchannel.protocols import bencode
from backchannel.protocols.bencode import Dict, Value
from backchannel.reader import WireError
from backchannel.text import decode

LARGEST = 2 << 20
"""Bytes of an info dictionary that is put together: a hundred thousand pieces."""
VALUES = 1 << 16
"""Bencoded values in one: some ten thousand files."""
LONGEST = 1024
"""Characters of a path that are kept."""
_HASH = 20
_MOST = 1 << 50
_PIECES = range(1 << 14, (1 << 28) + 1)
"""Bytes that a piece may have; programs take 16 KiB to 64 MiB."""


class Part(msgspec.Struct, frozen=True):
    """One file of a torrent."""

    name: str
    """Its path, below the torrent's name where there are several."""
    size: int
    first: int
    """Where it begins among all bytes."""
    filler: bool = False
    """It only fills up a piece (BEP 47)."""


class Info(msgspec.Struct, frozen=True):
    """What an info dictionary says."""

    name: str
    piece_size: int
    files: tuple[Part, ...]
    hashes: bytes
    """SHA-1 of each piece; empty where only version 2 is there."""
    version: str
    private: bool
    size: int
    """Bytes of all files, and of what lies between them."""
    solid: tuple[Part, ...]
    """The files that have bytes."""

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return -(-self.size // self.piece_size)

    def length(self, piece: int) -> int:
        """Return how many bytes a piece has; 0 of one that there is not."""
        return max(0, min(self.piece_size, self.size - piece * self.piece_size))

    def hash(self, piece: int) -> bytes:
        """Return what the SHA-1 of a piece must be; empty where that is not known."""
        return self.hashes[piece * _HASH : (piece + 1) * _HASH]

    def spans(self, first: int, size: int) -> Iterator[tuple[int, int, int]]:
        """Yield (number of a solid file, offset in it, bytes) for what of *size* bytes, from
        *first* of all, is in files.
        """
        parts, end = self.solid, first + size
        number = max(0, bisect_right(parts, first, key=lambda part: part.first) - 1)
        while number < len(parts) and parts[number].first < end:
            part = parts[number]
            start = max(first, part.first)
            take = min(end, part.first + part.size) - start
            if take > 0:
                yield number, start - part.first, take
            number += 1


def agrees(info: bytes, found: bytes) -> bool:
    """Whether the info hash *found* is that of an info dictionary, of either version."""
    old = sha1(info, usedforsecurity=False).digest()
    return found in (old, sha256(info).digest()[:_HASH])


def read_info(data: bytes) -> Info:
    """Return what an info dictionary says. Raises WireError where it is none."""
    info = bencode.read_dict(data, items=VALUES)
    name = _text(info, b"name")
    piece_size = bencode.number(info, b"piece length")
    if piece_size not in _PIECES:
        raise WireError(f"pieces of {piece_size} bytes")
    hashes = bencode.octets(info, b"pieces")
    new = bencode.number(info, b"meta version") == 2
    if hashes:
        files = tuple(_placed(_listed(info, name)))
    elif new:
        tree = bencode.inner(info, b"file tree")
        alone = len(tree) == 1 and name.encode() in tree
        files = tuple(_placed(_tree(tree, () if alone else (name,)), piece_size))
    else:
        raise WireError("an info dictionary without pieces")
    made = Info(
        name=name,
        piece_size=piece_size,
        files=files,
        hashes=hashes,
        version=("1+2" if new else "1") if hashes else "2",
        private=bencode.number(info, b"private") == 1,
        size=files[-1].first + files[-1].size if files else 0,
        solid=tuple(part for part in files if part.size),
    )
    if made.size > _MOST or (hashes and len(hashes) != made.pieces * _HASH):
        raise WireError(f"{len(hashes)} bytes of hashes for {made.pieces} pieces")
    return made


def _listed(info: Dict, name: str) -> Iterator[tuple[str, int, bool]]:
    """Yield (path, size, filler) of the files of version 1."""
    if b"files" not in info:
        yield name, _size(info), False
        return
    for entry in bencode.listed(info, b"files"):
        if not isinstance(entry, dict):
            raise WireError("a file that is no dictionary")
        parts = bencode.listed(entry, b"path.utf-8") or bencode.listed(entry, b"path")
        path = "/".join(_word(part) for part in parts)
        filler = b"p" in bencode.octets(entry, b"attr")
        yield f"{name}/{path}"[:LONGEST], _size(entry), filler


def _tree(tree: Dict, above: tuple[str, ...]) -> Iterator[tuple[str, int, bool]]:
    """Yield those of version 2, whose folders stand inside each other."""
    for key in sorted(tree):
        below = tree[key]
        if not isinstance(below, dict):
            raise WireError("a file that is no dictionary")
        if key:
            yield from _tree(below, (*above, decode(key)))
        else:
            yield "/".join(above)[:LONGEST], _size(below), False


def _placed(files: Iterator[tuple[str, int, bool]], align: int = 1) -> Iterator[Part]:
    """Yield files with the place where each begins: in version 2 that of a piece."""
    at = 0
    for name, size, filler in files:
        at = -(-at // align) * align
        yield Part(name, size, at, filler)
        at += size


def _size(entry: Dict) -> int:
    size = bencode.number(entry, b"length", -1)
    if not 0 <= size <= _MOST:
        raise WireError(f"a file of {size} bytes")
    return size


def _text(info: Dict, key: bytes) -> str:
    return decode(bencode.octets(info, key + b".utf-8") or bencode.octets(info, key))[:LONGEST]


def _word(value: Value) -> str:
    return decode(value) if isinstance(value, bytes) else ""
