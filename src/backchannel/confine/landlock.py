"""Landlock: no file, folder, port or process of others can be reached any more.

Numbers are those of linux/landlock.h; https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os

from backchannel.confine import kernel

CREATE, RESTRICT = 444, 446
"""System calls, the same on every machine."""
VERSION = 1
FILES = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""What may be handled of files since each ABI: all of it is."""
NETWORK_ABI, SCOPE_ABI = 4, 6
NETWORK, SCOPES = 0b11, 0b11
"""TCP bind and connect; abstract sockets and signals to the outside."""


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def abi() -> int:
    """Return the kernel's Landlock ABI; 0 where it has none."""
    try:
        return kernel.call(CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION))
    except OSError:
        return 0


def restrict() -> int:
    """Deny this thread, and all it starts, everything Landlock knows; return the ABI, or 0.

    What is open stays open. Needs no_new_privs. Raises OSError where Landlock is there and fails.
    """
    version = abi()
    if not version:
        return 0
    files = sum(bits for since, bits in FILES.items() if since <= version)
    rules = _Ruleset(
        files,
        NETWORK if version >= NETWORK_ABI else 0,
        SCOPES if version >= SCOPE_ABI else 0,
    )
    sizes = {True: 24, False: 16 if version >= NETWORK_ABI else 8}
    size = ctypes.c_size_t(sizes[version >= SCOPE_ABI])
    ruleset = kernel.call(CREATE, ctypes.byref(rules), size, ctypes.c_uint32(0))
    try:
        kernel.call(RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    return version
