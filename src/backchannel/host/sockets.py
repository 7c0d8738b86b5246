"""Sockets of IPv4 and IPv6 as /proc tells of them, and whose they are. Facts: proc_pid_net(5),
linux/net/tcp_states.h.
"""

import os
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address
from itertools import islice
from typing import NamedTuple

from backchannel.host import processes
from backchannel.host.processes import PROC
from backchannel.model import Endpoint

TCP, UDP = 6, 17
TABLES = (("tcp", TCP), ("tcp6", TCP), ("udp", UDP), ("udp6", UDP))
STATES = {
    1: "established",
    2: "opening",
    3: "opening",
    4: "closing",
    5: "closing",
    6: "closed",
    7: "open",
    8: "closing",
    9: "closing",
    10: "listening",
    11: "closing",
    12: "opening",
}
"""The kernel's states in words; 7 is what a UDP socket without a partner has."""
MOST = 200_000
"""Sockets of one table that are read."""
MANY, FILES = 1024, 400_000
"""Open files above which those of one user's processes are counted, and how many of them are looked
at: a user may have millions of descriptors of one file.
"""
_NAMES = {TCP: "tcp", UDP: "udp"}


class Socket(NamedTuple):
    """One socket. An address is that of the packets: an IPv4 one inside IPv6 is IPv4."""

    protocol: int
    local: Endpoint
    remote: Endpoint | None
    """None where it has no partner."""
    state: str
    uid: int
    inode: int
    """0 where no process holds it any more."""

    @property
    def transport(self) -> str:
        """`tcp` or `udp`."""
        return _NAMES[self.protocol]


def table(pid: int, proc: str = PROC) -> list[Socket]:
    """Return the sockets of the network that process *pid* is in; nothing where it ended."""
    found = []
    for name, protocol in TABLES:
        try:
            with open(f"{proc}/{pid}/net/{name}", "rb") as lines:  # noqa: PTH123 - as fast
                next(lines, None)
                rows = zip(lines, range(MOST), strict=False)
                found += [each for line, _ in rows if (each := _socket(line, protocol))]
        except OSError:
            continue
    return found


def held(pid: int, proc: str = PROC) -> Iterator[int]:
    """Yield the numbers of the sockets that a process holds. Raises PermissionError."""
    folder = f"{proc}/{pid}/fd"
    return _numbers(folder, _open_files(folder))


def _open_files(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in islice(entries, FILES)]
    except (FileNotFoundError, ProcessLookupError):  # it ended
        return []


def _numbers(folder: str, names: Iterable[str]) -> Iterator[int]:
    for name in names:
        try:
            target = os.readlink(f"{folder}/{name}")  # noqa: PTH115 - of many
        except (FileNotFoundError, ProcessLookupError):
            continue
        if target.startswith("socket:["):
            yield int(target[8:-1])


def holders(pids: Iterable[int], proc: str = PROC) -> tuple[dict[int, list[int]], int]:
    """Return which of *pids* hold each socket, and how many processes could not be asked, or had
    more open files than are looked at.
    """
    found, unseen, looked = dict[int, list[int]](), 0, Counter[int | None]()
    for pid in pids:
        folder = f"{proc}/{pid}/fd"
        try:
            names = _open_files(folder)
            if len(names) > MANY:
                user = processes.user(f"{proc}/{pid}")
                left = FILES - looked[user]
                looked[user] += len(names)
                unseen += len(names) > left or len(names) == FILES
                names = names[: max(left, 0)]
            for inode in set(_numbers(folder, names)):
                found.setdefault(inode, []).append(pid)
        except OSError:
            unseen += 1
    return found, unseen


def _socket(line: bytes, protocol: int) -> Socket | None:
    words = line.split()
    try:
        local, remote = _endpoint(words[1]), _endpoint(words[2])
        state = STATES.get(int(words[3], 16), "closed")
        uid, inode = int(words[7]), int(words[9])
    except (IndexError, ValueError, struct.error):
        return None
    partner = remote if remote.port or (protocol == TCP and state != "listening") else None
    if protocol == UDP and partner is not None:
        state = "established"
    return Socket(protocol, local, partner, state, uid, inode)


def _endpoint(word: bytes) -> Endpoint:
    """Return an address and port: words of the machine's byte order in hexadecimal."""
    address, _, port = word.partition(b":")
    packed = bytes.fromhex(address.decode())
    count = len(packed) // 4
    packed = struct.pack(f"={count}I", *struct.unpack(f">{count}I", packed))
    return Endpoint(shown(packed), int(port, 16))


def shown(packed: bytes) -> str:
    """Return an address as text; that of an IPv4 packet on an IPv6 socket is IPv4."""
    if len(packed) == 16:
        if packed[:12] != bytes(10) + b"\xff\xff":
            return str(IPv6Address(packed))
        packed = packed[12:]
    return ".".join(map(str, packed[:4]))
