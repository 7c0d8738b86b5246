"""Which processes hold a socket: each that does is numbered at once, and described later."""

import os
from collections import deque
from collections.abc import Collection

from backchannel.host import processes, sockets
from backchannel.host.describing import Describer
from backchannel.host.processes import PROC

RECENT = 64
"""Processes that held new sockets last: most likely they hold the next one."""


class Holders:
    """Numbers processes. Who was numbered is taken by *describer*."""

    def __init__(self, describer: Describer) -> None:
        self._describer = describer
        self._numbers = dict[tuple[int, int, str], int]()
        self._recent = deque[int](maxlen=RECENT)
        self.denied = 0
        """Processes that could not be asked for their sockets at the last look."""

    def of(self, wanted: Collection[int]) -> dict[int, tuple[int, ...]]:
        """Return the numbers of the processes that hold each of these sockets."""
        pids = [int(name) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - names
        pids.sort(key=lambda pid: (pid not in self._recent, -pid))  # it may be closed any moment
        held, self.denied = sockets.holders(pids)
        theirs = dict.fromkeys(pid for inode in wanted for pid in held.get(inode, ()))
        numbers = {pid: self._number(pid) for pid in theirs}
        self._recent.extend(theirs)
        return {
            inode: tuple(sorted(number for pid in held.get(inode, ()) if (number := numbers[pid])))
            for inode in wanted
        }

    def _number(self, pid: int) -> int:
        """Return a process' number in this record; 0 where it ended meanwhile."""
        process = processes.one(pid)
        if process is None:
            return 0
        known = process.pid, process.started, process.executable
        number = self._numbers.get(known)
        if number is None:
            number = self._numbers[known] = len(self._numbers) + 1
            self._describer.take(number, process)
        return number
