"""The kernel asks before a program is run (fanotify(7), FAN_OPEN_EXEC_PERM).

Whoever runs one waits until it is answered. When the group's last descriptor is closed, which also
happens when its process is killed, the kernel lets everything that waits run, and asks no more.

Facts: linux/fanotify.h.
"""

import ctypes
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from backchannel.errors import PrivilegeError, UsageError, reason

_CLASS_CONTENT, _CLOEXEC, _NONBLOCK, _UNLIMITED_QUEUE = 0x04, 0x01, 0x02, 0x10
_ADD, _FLUSH, _FILESYSTEM = 0x01, 0x80, 0x100
_OPEN_EXEC_PERM = 0x4_0000
_ALLOW, _DENY = 1, 2
_HERE = -100
"""AT_FDCWD."""
_EVENT = struct.Struct("=IBBHQii")
_ANSWER = struct.Struct("=iI")
_VERSION = 3
_BUFFER = 64 * _EVENT.size
"""Questions that are read together: the kernel opens each one's file, and refuses the program where
there is no room for one.
"""
_libc = ctypes.CDLL(None, use_errno=True)


class Asked(NamedTuple):
    """A program that somebody is about to run."""

    handle: int
    """Its file, open for reading; `answer` closes it."""
    pid: int
    """Who is about to run it."""


class Group:
    """What the kernel asks of us. Needs CAP_SYS_ADMIN. Raises PrivilegeError, or UsageError where
    the kernel has no such thing.
    """

    def __init__(self) -> None:
        flags = _CLASS_CONTENT | _CLOEXEC | _NONBLOCK | _UNLIMITED_QUEUE
        self.handle = _libc.fanotify_init(flags, os.O_RDONLY | os.O_CLOEXEC | os.O_LARGEFILE)
        if self.handle < 0:
            error = _error()
            if isinstance(error, PermissionError):
                raise PrivilegeError("control of programs needs root (CAP_SYS_ADMIN)") from error
            raise UsageError(f"this kernel asks nobody before a program runs: {reason(error)}")

    def mark(self, folder: str) -> None:
        """Ask for all programs of the file system that *folder* is on, by whatever mounts they are
        reached. Raises UsageError.
        """
        mask = ctypes.c_uint64(_OPEN_EXEC_PERM)
        name = os.fsencode(folder)
        if _libc.fanotify_mark(self.handle, _ADD | _FILESYSTEM, mask, _HERE, name):
            raise UsageError(f"{folder}: {reason(_error())}")

    def unmark(self) -> None:
        """Ask for nothing any more. What waits is still to be answered."""
        _libc.fanotify_mark(self.handle, _FLUSH | _FILESYSTEM, ctypes.c_uint64(0), _HERE, b"/")

    def read(self) -> Iterator[Asked]:
        """Yield who waits for an answer."""
        try:
            data = os.read(self.handle, _BUFFER)
        except BlockingIOError:
            return
        while len(data) >= _EVENT.size:
            size, version, _, _, mask, handle, pid = _EVENT.unpack_from(data)
            if version != _VERSION or not _EVENT.size <= size <= len(data):
                return
            if handle >= 0 and mask & _OPEN_EXEC_PERM:
                yield Asked(handle, pid)
            data = data[size:]

    def answer(self, asked: Asked, *, allow: bool) -> None:
        """Let it run, or refuse it with "Operation not permitted"."""
        try:
            os.write(self.handle, _ANSWER.pack(asked.handle, _ALLOW if allow else _DENY))
        except FileNotFoundError:  # it was killed while it waited
            pass
        finally:
            os.close(asked.handle)

    def close(self) -> None:
        """Let all that waits run, and ask no more."""
        os.close(self.handle)


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
