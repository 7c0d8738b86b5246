"""Describes the processes that hold sockets: what file each runs, and which package brought it.

Each one's file is opened when it is first met, so that it can be hashed though it is gone later.
Who waits is described in turn by user: nobody's many or large programs keep others waiting.
"""

import os
from collections import Counter
from contextlib import suppress
from threading import Event, Lock
from typing import NamedTuple, TypeVar

from backchannel.host import ledger, origin, processes, users
from backchannel.host.document import Content
from backchannel.host.listed import Owner
from backchannel.host.packages import Current, Packages
from backchannel.host.processes import PROC, Process
from backchannel.host.root import LEAST, Budget, Digests, Root, digests, plain
from backchannel.host.turns import Turns
from backchannel.when import rfc3339

REMEMBERED = 4096
"""Files whose digests and packages are remembered."""
OPEN = 64
"""Files of one user's processes that are kept open; others are opened when it is their turn."""
DATABASE = 256 << 20
"""Bytes of a package database that are read for one program."""


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Waiting(NamedTuple):
    number: int
    process: Process
    handle: int
    """Its file; -1 where it is to be opened."""


class _Brought(NamedTuple):
    """What is known of a file by its tree."""

    package: str = ""
    version: str = ""
    content: Content = "unknown"


class Describer:
    """Takes processes, and describes each once. Both may happen in different threads."""

    def __init__(self) -> None:
        self._root = Root("/")
        self._names = users.names(self._root)
        self._current = Current(self._root)
        self._own = processes.one(os.getpid())
        self._lock = Lock()
        self._waiting = Turns[_Waiting]()
        self._open = Counter[int]()
        """Files that are open, by user."""
        self._digests = dict[tuple[int, ...], Digests | None]()
        self._brought = dict[tuple[object, ...], _Brought]()
        self._taken, self._hurries = Event(), Event()

    def take(self, number: int, process: Process) -> None:
        """Remember to describe a process, whose number in the record this is."""
        handle = -1
        with self._lock:
            if self._open[process.uid] < OPEN:
                handle = _file(process)
                self._open[process.uid] += handle >= 0
            self._waiting.add(process.uid, _Waiting(number, process, handle))
        self._taken.set()

    def wait(self) -> None:
        """Wait until there is somebody to describe, or `wake` was called."""
        self._taken.wait()
        self._taken.clear()

    def wake(self) -> None:
        """Let `wait` end."""
        self._taken.set()

    def close(self) -> None:
        """Let go of what is open."""
        self._root.close()

    def hurry(self) -> None:
        """Look at files no more: what is left is told by its path alone."""
        self._hurries.set()

    def next(self) -> ledger.Program | None:
        """Describe who is next; None where nobody waits."""
        with self._lock:
            found = self._waiting.next()
            if found is None:
                return None
            user, (number, process, handle) = found
            self._open[user] -= handle >= 0
        if handle < 0 and processes.again(process):
            handle = _file(process)
        content, brought = None, _Brought()
        with suppress(OSError):  # what a file system of the network may do at any time
            content, brought = self._look(process, handle) if handle >= 0 else (content, brought)
        return ledger.Program(
            program=number,
            pid=process.pid,
            since=rfc3339(process.started),
            user=self._names.get(process.uid, str(process.uid)),
            uid=process.uid,
            path=plain(process.executable),
            sha256=content.sha256 if content else "",
            package=brought.package,
            version=brought.version,
            content=brought.content,
            unit=plain(process.unit),
            container=plain(process.container),
            apart=self._apart(process),
        )

    def _apart(self, process: Process) -> tuple[ledger.Apart, ...]:
        own = self._own
        if own is None:
            return ()
        told = list[ledger.Apart]()
        if process.mounts not in ("", own.mounts) or process.root != "/":
            told.append("files")
        if process.users not in ("", own.users):
            told.append("users")
        return tuple(told)

    def _look(self, process: Process, handle: int) -> tuple[Digests | None, _Brought]:
        """Return digests of an open program and what brought it, and close it."""
        state = os.fstat(handle)
        known = (
            state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns,
        )  # fmt: skip
        tree = (*known, process.mounts, process.root, process.executable, process.deleted)
        if known in self._digests:
            os.close(handle)
        else:
            self._spend(process, max(state.st_size, LEAST))
            _keep(self._digests, known, digests(handle, self._beat))
        content = self._digests[known]
        if tree not in self._brought and not self._hurries.is_set():
            _keep(self._brought, tree, self._ask(process, content))
        return content, self._brought.get(tree, _Brought())

    def _beat(self) -> None:
        if self._hurries.is_set():
            raise InterruptedError  # no digest, then

    def _ask(self, process: Process, content: Digests | None) -> _Brought:
        """Ask the package database of the tree that the process has."""
        path = process.executable
        if "files" not in self._apart(process):
            return _brought(self._root, self._current.owner(path), process, content)
        budget = Budget(database=DATABASE)
        try:
            root = Root(f"{PROC}/{process.pid}/root", budget)
        except OSError:  # it ended
            return _Brought()
        try:
            return _brought(root, Packages(root).owners([path]).get(path), process, content)
        finally:
            root.close()
            self._spend(process, DATABASE - budget.left["database"])

    def _spend(self, process: Process, amount: int) -> None:
        with self._lock:
            self._waiting.spend(process.uid, amount)


def _brought(
    root: Root, owner: Owner | None, process: Process, content: Digests | None
) -> _Brought:
    if owner is None:
        return _Brought(origin.of(root, process.executable, content.head if content else b"")[1])
    told: Content = "unknown"
    same = owner.agrees(content) if content is not None else None
    if same is not None and (same or not process.deleted):  # after an upgrade the old one runs on
        told = "intact" if same else "altered"
    return _Brought(owner.package, owner.version, told)


def _file(process: Process) -> int:
    try:
        return os.open(f"{PROC}/{process.pid}/exe", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def _keep(kept: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Remember a value; the oldest makes room for it."""
    if len(kept) >= REMEMBERED:
        del kept[next(iter(kept))]
    kept[key] = value
