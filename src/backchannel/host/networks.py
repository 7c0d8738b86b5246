"""The network namespaces of this machine: entered for a moment, to open sockets in them."""

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from backchannel.host.processes import PROC
from backchannel.host.sockets import shown

_NEWNET = 0x4000_0000
_libc = ctypes.CDLL(None, use_errno=True)
_LOCAL = re.compile(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL")


@contextmanager
def inside(pid: int) -> Iterator[None]:
    """Within this block, sockets are made in the network of process *pid*. Raises OSError."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(f"{PROC}/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _enter(home)
    finally:
        os.close(home)


def _enter(handle: int) -> None:
    if _libc.setns(handle, _NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def addresses(pid: int, proc: str = PROC) -> frozenset[str]:
    """Return the addresses that the network of process *pid* has. Facts: proc_pid_net(5)."""
    trie, listed = (_text(f"{proc}/{pid}/net/{name}") for name in ("fib_trie", "if_inet6"))
    found = set(_LOCAL.findall(trie))
    for line in listed.splitlines():
        digits = line.partition(" ")[0]
        if re.fullmatch(r"[0-9a-f]{32}", digits):
            found.add(shown(bytes.fromhex(digits)))
    return frozenset(found)


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123 - as others
            return file.read()
    except OSError:
        return ""
