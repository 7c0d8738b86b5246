"""System calls that Python has no functions for. Numbers are those of Linux' headers."""

import ctypes
import os
import platform

PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 4, 8, 38, 24
ENOSYS = 38

_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION = 0x2008_0522
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


def drop_capabilities(keep: int = 0) -> None:
    """Give up every capability of this thread but those whose bits are in *keep*, inherited and
    ambient ones too. Raises OSError.
    """
    number = _CAPSET.get(machine())
    if number is None:
        return  # root was given up, and with it all capabilities
    head = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    low, high = keep & 0xFFFF_FFFF, keep >> 32
    left = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)  # effective, permitted, inheritable
    call(number, ctypes.byref(head), ctypes.byref(left))
