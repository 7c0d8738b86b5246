"""A tree of files that is looked at: this machine's, a container's, or that of a mounted image.

What lies in it is not trusted. A link never leads out of the tree (the kernel holds to that:
`RESOLVE_IN_ROOT` of openat2), only plain files are read, and none beyond a stated size.
"""

import ctypes
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from backchannel.confine import kernel

TEXT = 256 << 10
"""Bytes of a settings file that are read at most; what is longer is none."""
DATABASE = 64 << 20
"""Bytes that are read of a file of the package database."""
LARGEST = 1 << 30
"""Bytes of a program that are hashed at most."""
NAMES = 20_000
"""Entries of one folder that are looked at."""
FILES = 100_000
"""Files that one walk yields at most."""
SETTLED, DATABASES, HASHED, LOOKED = 256 << 20, 1 << 30, 8 << 30, 2_000_000
"""What one look at a tree costs at most, however much lies in it: bytes of settings, of databases,
and of programs, and entries of folders.
"""
LEAST = 4096
"""Bytes that a file counts for at least: to open it is work, too."""
_OPENAT2, _IN_ROOT, _NO_MAGIC_LINKS = 437, 0x10, 0x02
_AT_ONCE = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""A pipe or a terminal in a file's place must not stop us."""
_PART = 1 << 20


class Digests(NamedTuple):
    """What a file's content comes to."""

    sha256: str
    md5: str
    """As the package database lists it."""
    size: int
    head: bytes
    """Its first bytes, which tell what kind of file it is."""


class Budget:
    """What may still be read of a tree in one look, by what it is read for."""

    def __init__(self, *, database: int = DATABASES, hashed: int = HASHED) -> None:
        self.left = {"settings": SETTLED, "database": database, "hash": hashed, "names": LOOKED}
        self.refused = 0
        """How often nothing was left."""

    def spend(self, what: str, amount: int) -> bool:
        """Take so much; say whether it was there."""
        if self.left[what] < amount:
            self.refused += 1
            return False
        self.left[what] -= amount
        return True


class Root:
    """A tree of files. Paths are those inside it; what cannot be read is as if it were not there,
    and `denied` counts what rights would have shown. With a *budget*, what is beyond that is not
    there either.
    """

    def __init__(self, folder: str = "/", budget: Budget | None = None) -> None:
        self.folder = folder.rstrip("/") or "/"
        self.denied = 0
        self._budget = budget
        self._handle = os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        shown = self._shown(self._handle)
        self._prefix = "" if shown == "/" else shown

    def close(self) -> None:
        """Let go of the tree."""
        os.close(self._handle)

    def read(self, path: str, most: int = TEXT) -> bytes:
        """Return a plain file's content; nothing where there is none that can be read."""
        handle = self._plain(path)
        if handle < 0:
            return b""
        try:
            size = os.fstat(handle).st_size
            what = "settings" if most == TEXT else "database"
            if size > most or not self.spend(what, max(size, LEAST)):
                return b""
            parts, left = [], most
            while left and (part := os.read(handle, min(left, _PART))):
                parts.append(part)
                left -= len(part)
        except OSError:
            return b""
        finally:
            os.close(handle)
        return b"".join(parts)

    def copy(self, path: str, to: Path, most: int) -> bool:
        """Copy a plain file of a database; say whether that was done."""
        handle = self._plain(path)
        if handle < 0:
            return False
        with os.fdopen(handle, "rb") as source:
            size = os.fstat(handle).st_size
            if size > most or not self.spend("database", max(size, LEAST)):
                return False
            try:
                with to.open("wb") as target:
                    for _ in range(0, size, _PART):
                        target.write(source.read(_PART))
            except OSError:
                return False
        return True

    def text(self, path: str) -> str:
        """Return a settings file as text."""
        return self.read(path).decode("utf-8", "replace")

    def names(self, folder: str, most: int = NAMES) -> list[str]:
        """Return the names in a folder, in order."""
        handle = self._open(folder, os.O_RDONLY | os.O_DIRECTORY | _AT_ONCE)
        if handle < 0:
            return []
        try:
            with os.scandir(handle) as entries:
                found = sorted(entry.name for entry in islice(entries, most))
                self._count_rest(entries)
        except OSError:
            return []
        finally:
            os.close(handle)
        return found if self.spend("names", len(found)) else []

    def status(self, path: str) -> os.stat_result | None:
        """Return what is known of a file, or of the one that a link leads to."""
        return self._status(path, 0)

    def real(self, path: str) -> str:
        """Return the path of the file that *path* leads to by links; empty where there is none."""
        handle = self._open(path, os.O_PATH | os.O_CLOEXEC)
        if handle < 0:
            return ""
        try:
            shown = self._shown(handle)
        finally:
            os.close(handle)
        inside = shown.removeprefix(self._prefix)
        return inside if inside.startswith("/") else "/"

    def digests(self, path: str) -> Digests | None:
        """Return the digests of a plain file."""
        handle = self._plain(path)
        return None if handle < 0 else self.hashed(handle)

    def hashed(self, handle: int) -> Digests | None:
        """Return the digests of an open plain file, and close it."""
        if not self.spend("hash", max(min(os.fstat(handle).st_size, LARGEST), LEAST)):
            os.close(handle)
            return None
        return digests(handle)

    def spend(self, what: str, amount: int) -> bool:
        """Say whether so much may still be read, and count it as read."""
        return self._budget is None or self._budget.spend(what, amount)

    def walk(self, folder: str, depth: int) -> Iterator[str]:
        """Yield the files in *folder* and, so many levels down, in its folders. Links to folders
        are not followed.
        """
        found = self._walk(folder, depth)
        yield from islice(found, FILES)
        self._count_rest(found)

    def _count_rest(self, rest: Iterator[object]) -> None:
        """Count that there was more than is looked at, if there is."""
        if self._budget is not None and next(rest, None) is not None:
            self._budget.refused += 1

    def _walk(self, folder: str, depth: int) -> Iterator[str]:
        for name in self.names(folder):
            path = f"{folder.rstrip('/')}/{name}"
            state = self._status(path, os.O_NOFOLLOW)
            if state is None:
                continue
            if stat.S_ISDIR(state.st_mode):
                if depth:
                    yield from self._walk(path, depth - 1)
            else:
                yield path

    def _status(self, path: str, flags: int) -> os.stat_result | None:
        handle = self._open(path, os.O_PATH | os.O_CLOEXEC | flags)
        if handle < 0:
            return None
        try:
            return os.fstat(handle)
        finally:
            os.close(handle)

    def _plain(self, path: str) -> int:
        """Open a plain file for reading; -1 where it is none. What is not plain is never opened:
        some devices begin to work when they are.
        """
        found = self._open(path, os.O_PATH | os.O_CLOEXEC)
        if found < 0:
            return -1
        try:
            if not stat.S_ISREG(os.fstat(found).st_mode):
                return -1
            return os.open(f"/proc/self/fd/{found}", os.O_RDONLY | _AT_ONCE)
        except PermissionError:
            self.denied += 1
            return -1
        except OSError:
            return -1
        finally:
            os.close(found)

    def _open(self, path: str, flags: int) -> int:
        """Return a descriptor; -1 where the file cannot be opened."""
        name = os.fsencode(path)
        if b"\0" in name:
            return -1
        try:
            if self.folder == "/":
                return os.open(name, flags)
            how = (ctypes.c_uint64 * 3)(flags, 0, _IN_ROOT | _NO_MAGIC_LINKS)
            size = ctypes.c_size_t(ctypes.sizeof(how))
            return kernel.call(_OPENAT2, ctypes.c_int(self._handle), name, ctypes.byref(how), size)
        except PermissionError:
            self.denied += 1
            return -1
        except OSError:
            return -1

    @staticmethod
    def _shown(handle: int) -> str:
        return os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115 - of many


def plain(path: str) -> str:
    r"""Return a path as text that every output takes: bytes that are no UTF-8 as `\\xNN`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def digests(handle: int, beat: Callable[[], object] = bool, most: int = LARGEST) -> Digests | None:
    """Return the digests of an open plain file of at most so many bytes, and close it; *beat* is
    called now and then.
    """
    try:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode) or state.st_size > most:
            return None
        strong, weak, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        head = b""
        while size <= most and (part := os.read(handle, _PART)):
            head = head or part[:64]
            strong.update(part)
            weak.update(part)
            size += len(part)
            beat()
    except OSError:
        return None
    finally:
        os.close(handle)
    return Digests(strong.hexdigest(), weak.hexdigest(), size, head)
