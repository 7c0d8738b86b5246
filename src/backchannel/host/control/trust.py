"""The trust store: which programs are known, with their checksums. JSON lines, sorted by path.

It is seeded from the package database, of files that are as their package brought them.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from backchannel.errors import InputError, reason
from backchannel.host.listed import agree
from backchannel.host.packages import Packages
from backchannel.host.root import Digests, Root, plain

VERSION = 1
HASHED = 64 << 30
"""Bytes of programs that are learnt at most."""
DEPTH = 16
"""How many folders below one that is trusted are looked into."""


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line."""

    trust: int = VERSION


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A program that is trusted."""

    path: str
    sha256: str
    package: str = ""
    """Empty for one that somebody added."""
    version: str = ""


class Learned(NamedTuple):
    """What a look at the package database gave."""

    entries: list[Entry]
    altered: list[str]
    """Programs that are not as their package brought them: they are not trusted."""


class Store:
    """Programs that are trusted, by path and by checksum."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.by_path = {entry.path: entry for entry in entries}
        self.by_sha256 = dict[str, Entry]()
        for entry in self.by_path.values():
            self.by_sha256.setdefault(entry.sha256, entry)

    def __len__(self) -> int:
        return len(self.by_path)

    def add(self, entry: Entry) -> None:
        """Trust a program; what was trusted at that path is not any more."""
        old = self.by_path.get(entry.path)
        if old is not None and self.by_sha256.get(old.sha256) == old:
            del self.by_sha256[old.sha256]
        self.by_path[entry.path] = entry
        self.by_sha256.setdefault(entry.sha256, entry)


def read(path: Path) -> Store:
    """Return the store in *path*. Raises InputError, with the number of the line."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(path, reason(error)) from error
    try:
        head = msgspec.json.decode(lines[0] if lines else b"", type=Head)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(path, "is no trust store of `backchannel host learn`") from error
    if head.trust != VERSION:
        raise InputError(path, f"is of version {head.trust}; this reads {VERSION}")
    decoder, entries = msgspec.json.Decoder(Entry), []
    for number, line in enumerate(lines[1:], 2):
        try:
            entries.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(path, str(error), f"line {number}") from error
    return Store(entries)


def write(path: Path, store: Store) -> None:
    """Put the store into a file, whole or not at all. Who can write it decides what may run, so
    others cannot. Raises OSError.
    """
    encoder = msgspec.json.Encoder()
    rows = [
        encoder.encode(Head()),
        *(encoder.encode(row) for _, row in sorted(store.by_path.items())),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(b"".join(row + b"\n" for row in rows))
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)


def learn(
    root: Root, also: Iterable[str], progress: Callable[[int, int], None] | None = None
) -> Learned:
    """Look at all programs of packages, and at all in the folders *also*.

    *progress* is told how many packages of how many were looked at.
    """
    found, altered = dict[str, Entry](), set[str]()
    packages = Packages(root)
    count = packages.count
    for number, (package, version, files) in enumerate(packages.checksums(), 1):
        for name, digest in files:
            told = _program(root, name) if digest else None
            if told is None:
                continue
            path, content = told
            if not agree(digest, content):
                altered.add(path)
                continue
            found[path] = Entry(path=path, sha256=content.sha256, package=package, version=version)
        if progress is not None:
            progress(number, count)
    for path, content in _added(root, also):
        found.setdefault(path, Entry(path=path, sha256=content.sha256))
    return Learned(list(found.values()), sorted(altered - found.keys()))


def _added(root: Root, folders: Iterable[str]) -> Iterator[tuple[str, Digests]]:
    for folder in folders:
        for name in root.walk(folder, DEPTH):
            if (told := _program(root, name)) is not None:
                yield told


def _program(root: Root, name: str) -> tuple[str, Digests] | None:
    """Return where a program really is, and its digests; None where it is none."""
    state = root.status(name)
    if state is None or not (stat.S_ISREG(state.st_mode) and state.st_mode & 0o111):
        return None
    content, path = root.digests(name), root.real(name)
    return (plain(path), content) if content is not None and path else None
