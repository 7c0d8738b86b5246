"""Processes that hold sockets: each is numbered at once, and looked at closer when there is time.

Its file is opened when it is first met, so that it can be hashed though it is gone later.
"""

import os
from collections import deque
from collections.abc import Iterable

from backchannel.host import ledger, origin, processes, sockets, users
from backchannel.host.packages import Packages
from backchannel.host.processes import PROC, Process
from backchannel.host.root import Root, digests, plain
from backchannel.when import rfc3339

REMEMBERED = 4096
"""Files whose digests and packages are remembered."""
RECENT = 64
"""Processes that held new sockets last: most likely they hold the next one."""


class Holders:
    """Numbers processes, and describes each once."""

    def __init__(self) -> None:
        self._names = users.names(Root("/"))
        self._numbers = dict[tuple[int, int, str], int]()
        self._waiting = deque[tuple[int, Process, int]]()
        self._files = dict[tuple[int, int, int, int], tuple[str, str, str]]()
        self._recent = deque[int](maxlen=RECENT)
        self._own = processes.one(os.getpid())
        self.denied = 0
        """Processes that could not be asked for their sockets at the last look."""

    def of(self, wanted: Iterable[int]) -> dict[int, tuple[int, ...]]:
        """Return the numbers of the processes that hold each of these sockets."""
        pids = [int(name) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - names
        pids.sort(key=lambda pid: (pid not in self._recent, -pid))  # it may be closed any moment
        held, self.denied = sockets.holders(pids)
        found = dict[int, tuple[int, ...]]()
        for inode in wanted:
            self._recent.extend(held.get(inode, ()))
            numbers = [self._number(pid) for pid in held.get(inode, ())]
            found[inode] = tuple(sorted(number for number in numbers if number))
        return found

    def _number(self, pid: int) -> int:
        """Return a process' number in this record; 0 where it ended meanwhile."""
        process = processes.one(pid)
        if process is None:
            return 0
        known = process.pid, process.started, process.executable
        number = self._numbers.get(known)
        if number is None:
            number = self._numbers[known] = len(self._numbers) + 1
            try:
                handle = os.open(f"{PROC}/{pid}/exe", os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                handle = -1
            self._waiting.append((number, process, handle))
        return number

    @property
    def waiting(self) -> bool:
        """Whether somebody is still to be described."""
        return bool(self._waiting)

    def describe(self) -> list[ledger.Program]:
        """Describe the next process that waits for it, if one does."""
        if not self._waiting:
            return []
        number, process, handle = self._waiting.popleft()
        sha256, package, version = self._file(process, handle) if handle >= 0 else ("", "", "")
        told = ledger.Program(
            program=number,
            pid=process.pid,
            since=rfc3339(process.started),
            user=self._names.get(process.uid, str(process.uid)),
            uid=process.uid,
            path=plain(process.executable),
            sha256=sha256,
            package=package,
            version=version,
            unit=plain(process.unit),
            container=plain(process.container),
        )
        return [told]

    def _file(self, process: Process, handle: int) -> tuple[str, str, str]:
        """Return digest, package and version of an open program, and close it."""
        state = os.fstat(handle)
        known = state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns
        if known in self._files:
            os.close(handle)
            return self._files[known]
        content = digests(handle)
        package, version = self._package(process, content.head if content else b"")
        told = content.sha256 if content else "", package, version
        if len(self._files) < REMEMBERED:
            self._files[known] = told
        return told

    def _package(self, process: Process, head: bytes) -> tuple[str, str]:
        here = self._own and process.mounts == self._own.mounts and process.root == "/"
        try:
            root = Root("/" if here else f"{PROC}/{process.pid}/root")
        except OSError:  # it ended
            return "", ""
        try:
            owner = Packages(root).owners([process.executable]).get(process.executable)
            if owner:
                return owner.package, owner.version
            return origin.of(root, process.executable, head)[1], ""
        finally:
            root.close()
