"""Packages as RPM's database lists them: one header of each, in a file of SQLite.

RPM has written that since 4.16 (2020). Its files are copied before they are read, with what waits
in the log of writes: so links in a tree lead nowhere else, and nothing is ever written there.

Facts: rpm.org, "Package format" (header structure) and tags; rpmdb_sqlite(8); sqlite.org, "Write-
Ahead Logging" and "Defense Against The Dark Arts".
"""

import sqlite3
import stat
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from backchannel.host.listed import Package
from backchannel.host.root import LEAST, Root

FOLDERS = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
NAME = "rpmdb.sqlite"
LARGEST = 512 << 20
"""Bytes of a database at most."""
HEADER, VALUES = 32 << 20, 500_000
"""Bytes of one package's header, and values of one tag in it, at most."""
TAGS, PATHS = 0xFFFF, 16 << 20
"""Tags of one header, as many as RPM takes, and characters of its programs' paths, at most: each of
its files may lie in the same folder of a very long name.
"""
STEPS, SECONDS = 20_000, 60
"""Thousands of steps of SQLite at most, and seconds: one step may compare what is very long."""
_MAY = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
"""What may be done there: the table may be a view, or have columns that are computed."""
_NAME, _VERSION, _RELEASE, _EPOCH = 1000, 1001, 1002, 1003
_STATES, _MODES, _DIGESTS = 1029, 1030, 1035
_INDEXES, _FILES, _FOLDERS, _ALGORITHM = 1116, 1117, 1118, 5011
_SIZES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "Q"}
"""Kinds of numbers: CHAR, INT8, INT16, INT32 and INT64."""
_STRINGS = (6, 8, 9)
"""Kinds of text: one, several, and one for each language."""
_ALGORITHMS = {1: 32, 8: 64}
"""Digits of an MD5, and of a SHA-256."""


def installed(root: Root) -> Iterator[Package | None]:
    """Yield each installed package; None for each, or a whole database, that cannot be read."""
    for folder in FOLDERS:
        names = root.names(folder)
        if NAME in names:
            yield from _copied(root, folder)
            return  # one is a link to the other, or older
        if {"Packages", "Packages.db"} & set(names):
            yield None  # of Berkeley DB, or RPM's own kind before SQLite
            return


def _copied(root: Root, folder: str) -> Iterator[Package | None]:
    try:
        with tempfile.TemporaryDirectory(prefix="backchannel-") as place:
            for end in ("", "-wal"):
                copied = root.copy(f"{folder}/{NAME}{end}", Path(place, NAME + end), LARGEST)
                if not copied and not end:
                    yield None
                    return
            with closing(sqlite3.connect(Path(place, NAME))) as database:
                for header in _headers(database):
                    yield _package(header)
    except (OSError, sqlite3.Error, sqlite3.Warning, ValueError):  # of no room, or of no text, too
        yield None


def _headers(database: sqlite3.Connection) -> Iterator[bytes]:
    steps, until = iter(range(STEPS)), time.monotonic() + SECONDS
    database.set_progress_handler(
        lambda: next(steps, None) is None or time.monotonic() > until, 1000
    )
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, HEADER)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    database.text_factory = bytes
    database.set_authorizer(
        lambda what, *_: sqlite3.SQLITE_OK if what in _MAY else sqlite3.SQLITE_DENY
    )
    left = LARGEST
    for (header,) in database.execute("SELECT blob FROM Packages"):
        left -= max(len(header), LEAST) if isinstance(header, bytes) else HEADER
        if left < 0:
            raise sqlite3.DataError
        yield header if isinstance(header, bytes) else b""


def _package(data: bytes) -> Package | None:
    """Return the package that a header tells of; None where it is none."""
    try:
        header = _Header(data)
        (name,), (version,), (release,) = map(header.strings, (_NAME, _VERSION, _RELEASE))
        epoch = header.numbers(_EPOCH)
        whole = f"{f'{epoch[0]}:' if epoch else ''}{version}-{release}"
        return Package(f"rpm:{name}", whole, tuple(_programs(header)))
    except (struct.error, IndexError, ValueError):
        return None


def _programs(header: "_Header") -> Iterator[tuple[str, str]]:
    names, folders = header.strings(_FILES), header.strings(_FOLDERS)
    modes, places = header.numbers(_MODES), header.numbers(_INDEXES)
    digests = header.strings(_DIGESTS) or [""] * len(names)
    states = header.numbers(_STATES) or (0,) * len(names)
    digits = _ALGORITHMS.get((header.numbers(_ALGORITHM) or (1,))[0], 0)
    left = PATHS
    for name, place, mode, digest, state in zip(names, places, modes, digests, states, strict=True):
        if state == 0 and stat.S_ISREG(mode) and mode & 0o111:  # 0: it was installed
            left -= len(folders[place]) + len(name)
            if left < 0:
                raise ValueError("paths too long")
            yield folders[place] + name, digest.lower() if len(digest) == digits else ""


class _Header:
    """The values of a header by their tags. Raises struct.error where it is none."""

    def __init__(self, data: bytes) -> None:
        count, size = struct.unpack_from(">II", data)
        if count > TAGS:
            raise struct.error("too many tags")
        self._data = data[8 + 16 * count :][:size]
        rows = struct.iter_unpack(">IIII", data[8 : 8 + 16 * count])
        self._rows = {tag: (kind, place, many) for tag, kind, place, many in rows}

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return numbers; none where there is no such tag. Raises struct.error."""
        kind, place, many = self._rows.get(tag, (1, 0, 0))
        if kind not in _SIZES or many > VALUES:
            raise struct.error("no numbers")
        return struct.unpack_from(f">{many}{_SIZES[kind]}", self._data, place)

    def strings(self, tag: int) -> list[str]:
        """Return texts; none where there is no such tag. Raises struct.error."""
        kind, place, many = self._rows.get(tag, (8, 0, 0))
        if kind not in _STRINGS or many > VALUES:
            raise struct.error("no texts")
        found = self._data[place:].split(b"\0", many)[:many]
        if len(found) != many:
            raise struct.error("texts without end")
        return [each.decode("utf-8", "surrogateescape") for each in found]
