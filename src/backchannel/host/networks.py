"""The network namespaces of this machine: entered for a moment, to open sockets in them.

Facts: setns(2), ioctl_ns(2), rtnetlink(7), linux/if_addr.h.
"""

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from backchannel import netlink
from backchannel.host.processes import PROC
from backchannel.host.sockets import shown

ADDRESSES = 16_384
"""Addresses of one network that are looked at."""
_NEWNET = 0x4000_0000
_USERNS, _OWNER = 0xB701, 0xB704
_GET_ADDRESSES, _DUMP = 22, 0x301
"""RTM_GETADDR, and NLM_F_REQUEST | NLM_F_DUMP."""
_PARTNERS, _LOCAL = 1, 2
"""IFA_ADDRESS, which on a link between two is the other end; and IFA_LOCAL."""
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def inside(pid: int) -> Iterator[None]:
    """Within this block, sockets are made in the network of process *pid*. Raises OSError."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(f"{PROC}/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            same = os.path.sameopenfile(home, there)
            if not same:
                _enter(there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            if not same:
                _enter(home)
    finally:
        os.close(home)


def _enter(handle: int) -> None:
    if _libc.setns(handle, _NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def addresses(pid: int) -> frozenset[str]:
    """Return the addresses that the network of process *pid* has; none where we may not enter."""
    try:
        with inside(pid), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, netlink.ROUTE) as asked:
            asked.send(struct.pack("=IHHII8x", 24, _GET_ADDRESSES, _DUMP, 1, 0))
            return frozenset(islice(_listed(asked), ADDRESSES))
    except OSError:
        return frozenset()


def _listed(asked: socket.socket) -> Iterator[str]:
    while True:
        for kind, body in netlink.messages(asked.recv(1 << 17)):
            if kind in (netlink.DONE, netlink.ERROR):
                return
            told = dict(netlink.attributes(body[8:]))
            address = told.get(_LOCAL, told.get(_PARTNERS, b""))
            if len(address) in (4, 16):
                yield shown(address)


def owner(pid: int) -> int:
    """Return the user whose namespaces the network of *pid* belongs to: 0 for those of the system,
    and of containers that root started. Raises OSError.
    """
    handles = [os.open(f"{PROC}/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)]
    try:
        handles.append(fcntl.ioctl(handles[0], _USERNS))
        told = fcntl.ioctl(handles[1], _OWNER, bytes(4))
    finally:
        for handle in handles:
            os.close(handle)
    return int.from_bytes(told, "little")
