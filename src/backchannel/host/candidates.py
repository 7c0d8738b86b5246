"""Files that may be a program of the catalogue: those that run, and those that are installed."""

import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from backchannel.host import processes
from backchannel.host.known import Known
from backchannel.host.packages import Packages
from backchannel.host.processes import PROC, Process
from backchannel.host.root import Digests, Root
from backchannel.host.users import User

SYSTEM = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/usr/games", "/snap/bin")
HOME = ("bin", ".local/bin", "Applications", "Desktop", "Downloads")
"""Folders of a home that people run programs from."""
DEPTH = 3
"""How many folders below `/opt`, and below folders that were asked for, are looked into."""
_INTERPRETERS = re.compile(
    r"(?:python|pypy|perl|ruby|node|lua|luajit|bash|dash|sh|php|java)[\d.]*\Z"
)
_PROGRAM = (b"\x7fELF", b"MZ")
_APPIMAGE = re.compile(
    r"(.+?)[-_.]?(?:v?\d[\w.+-]*)?(?:[-_.](?:x86_64|amd64|aarch64))?\.appimage\Z"
)


class Candidate(NamedTuple):
    """A file, and what runs it."""

    path: str
    name: str
    """What it would be called in the catalogue: lower case, without an AppImage's version."""
    processes: tuple[Process, ...] = ()
    told: bool = False
    """Whether we have but the process' own word for its file."""


def running(those: Sequence[Process], known: Known) -> list[Candidate]:
    """Return the files that processes run, if one of the catalogue may be called so.

    Of an interpreter it is the script that counts.
    """
    found = dict[tuple[str, bool, bool], list[Process]]()
    for process in those:
        path, told = _file(process)
        if path and (called(path) in known.files or _sandboxed(path)):
            found.setdefault((path, process.deleted, told), []).append(process)
    return [
        Candidate(path, called(path), tuple(group), told)
        for (path, _, told), group in sorted(found.items())
    ]


def _sandboxed(path: str) -> bool:
    return path.startswith(("/app/", "/snap/")) or "/flatpak/app/" in path


def _file(process: Process) -> tuple[str, bool]:
    """Return the path of the program's file, and whether only the process says so."""
    words = process.words
    if not process.executable:
        return (words[0] if words[0].startswith("/") else process.name), True
    if _INTERPRETERS.match(posixpath.basename(process.executable)):
        script = next((word for word in words[1:] if not word.startswith("-")), "")
        if script.startswith("/"):
            return script, True
    return process.executable, False


def called(path: str) -> str:
    """Return what a file at *path* is called in the catalogue."""
    name = posixpath.basename(path).lower()
    found = _APPIMAGE.match(name)
    return found[1] if found else name


def installed(
    root: Root, packages: Packages, known: Known, users: Iterable[User], search: Sequence[str]
) -> list[Candidate]:
    """Return the files of installed programs: those of packages, in PATH, in homes, in *search*."""
    paths = set[str]()
    theirs = packages.files(known.packages, known.files)
    for path in (*theirs, *_places(root, users, search)):
        if called(path) in known.files and (state := root.status(path)):
            foreign = path.lower().endswith((".exe", ".appimage"))  # need no right to run
            if stat.S_ISREG(state.st_mode) and (foreign or state.st_mode & 0o111):
                paths.add(root.real(path))
    return [Candidate(path, called(path)) for path in sorted(paths - {""})]


def _places(root: Root, users: Iterable[User], search: Sequence[str]) -> Iterator[str]:
    folders = [*SYSTEM, *(f"{user.home}/{name}" for user in users for name in HOME)]
    for folder in dict.fromkeys(folders):
        yield from root.walk(folder, 1 if folder.startswith("/home") else 0)
    for folder in ("/opt", *search):
        yield from root.walk(folder, DEPTH)


def content(candidate: Candidate, root: Root) -> Digests | None:
    """Return the digests of a candidate: of what runs where it runs, though the file is gone."""
    for process in candidate.processes if not candidate.told else ():
        try:
            handle = os.open(f"{PROC}/{process.pid}/exe", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        if not processes.again(process):  # its number is another's now
            os.close(handle)
        elif found := root.hashed(handle):
            return found
    return root.digests(candidate.path)


def is_program(head: bytes) -> bool:
    """Say whether a file begins as compiled programs do: of a script any name is easily had."""
    return head.startswith(_PROGRAM)
