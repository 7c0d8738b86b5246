"""System calls that Python has no functions for. Numbers are those of Linux' headers."""

import ctypes
import os
import platform

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 4, 38, 24
ENOSYS, EOPNOTSUPP, EINVAL = 38, 95, 22

_LIBC = ctypes.CDLL(None, use_errno=True)


def machine() -> str:
    """Return the machine's name, as in the tables of system calls."""
    return platform.machine()


def call(number: int, *arguments: object) -> int:
    """Make a system call. Raises OSError."""
    found = int(_LIBC.syscall(ctypes.c_long(number), *arguments))
    if found < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return found


def prctl(option: int, value: int) -> None:
    """Change something of this process. Raises OSError."""
    zero = ctypes.c_ulong(0)
    if _LIBC.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
