"""The kernel's own list of sockets, and word of those that end (sock_diag(7)).

Facts: linux/sock_diag.h, linux/inet_diag.h.
"""

import errno
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress

from backchannel import netlink
from backchannel.host.sockets import STATES, TCP, UDP, Socket, shown
from backchannel.host.sockets import holders as held_by
from backchannel.model import Endpoint

SOCK_DIAG = 4
"""The family NETLINK_SOCK_DIAG."""
_BY_FAMILY, _DESTROY = 20, 21
_ACKNOWLEDGED = 0x5
"""NLM_F_REQUEST | NLM_F_ACK."""
_DUMP = 0x301
"""NLM_F_REQUEST | NLM_F_DUMP."""
_HELD = 0xFFF & ~(1 << 6)
"""All states but that of connections that nobody holds any more (TIME-WAIT)."""
PROTOCOLS = (TCP, UDP)
_DESTROYED = 0b1111
"""The groups that tell of the ends of TCP and UDP sockets, over IPv4 and IPv6."""
_REQUEST = struct.Struct("=BBBxI48x")
_ANSWER = struct.Struct("=BBxx2s2s16s16s4s8s12xII")
_HEADER = struct.Struct("=IHHII")
_BUFFER = 1 << 20
AT_ONCE = 1024
"""Words of ends that are read together."""
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class Diag:
    """Asks the network that it was made in. Raises OSError where the kernel has no such thing."""

    def __init__(self) -> None:
        self._asked = _netlink()

    def close(self) -> None:
        """Ask no more."""
        self._asked.close()

    def destroy(self, description: bytes, protocol: int) -> bool:
        """End a socket: its process gets an error. Say whether the kernel did; it needs
        CAP_NET_ADMIN.
        """
        body = _REQUEST.pack(description[0], protocol, 0, _HELD)[:8] + description[4:52]
        head = _HEADER.pack(_HEADER.size + len(body), _DESTROY, _ACKNOWLEDGED, 1, 0)
        self._asked.send(head + body)
        for kind, answer in netlink.messages(self._asked.recv(_BUFFER)):
            if kind == netlink.ERROR:
                return answer[:4] == bytes(4)
        return False

    def sockets(self, protocol: int) -> Iterator[bytes]:
        """Yield every socket of TCP or UDP that a process holds, as the kernel describes it."""
        for family in _FAMILIES:
            body = _REQUEST.pack(family, protocol, 0, _HELD)
            head = _HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, _DUMP, 1, 0)
            self._asked.send(head + body)
            yield from self._answers()

    def _answers(self) -> Iterator[bytes]:
        while True:
            for kind, body in netlink.messages(self._asked.recv(_BUFFER)):
                if kind == netlink.DONE:
                    return
                if kind == netlink.ERROR:
                    number = -int.from_bytes(body[:4], "little", signed=True)
                    if number != errno.ENOENT:  # a family that this kernel lacks
                        raise OSError(number, "the kernel does not tell of sockets")
                    return
                if len(body) >= _ANSWER.size:
                    yield body[: _ANSWER.size]


class Ends:
    """Hears of sockets that end. `lost` counts what came too fast to be heard."""

    def __init__(self) -> None:
        self.socket = _netlink()
        self.socket.bind((0, _DESTROYED))
        self.socket.setblocking(False)
        with suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE
        self.lost = 0

    def read(self) -> Iterator[tuple[int, bytes]]:
        """Yield the protocol and description of each that ended since, so many at once: others
        could end sockets faster than anybody reads.
        """
        for _ in range(AT_ONCE):
            try:
                data = self.socket.recv(_BUFFER)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost += 1
                continue
            for kind, body in netlink.messages(data):
                if kind == _BY_FAMILY and len(body) >= _ANSWER.size:
                    yield _protocol(body[_ANSWER.size :]), body[: _ANSWER.size]

    def close(self) -> None:
        """Hear no more."""
        self.socket.close()


def end(pids: Iterable[int]) -> int:
    """End the connections of these processes to other machines; return how many there were."""
    holders, _ = held_by(pids)
    asked, count = Diag(), 0
    try:
        for protocol in PROTOCOLS:
            for each in list(asked.sockets(protocol)):
                told = read(each, protocol)
                if told.inode in holders and told.remote and not _is_here(told.remote.address):
                    count += asked.destroy(each, protocol)
    finally:
        asked.close()
    return count


def _is_here(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def ends(description: bytes) -> bytes:
    """Return both ends of a socket, as the kernel writes them."""
    return description[4:40]


def cookie(description: bytes) -> bytes:
    """Return the kernel's name for a socket, which no other has while the machine runs."""
    return description[44:52]


def read(description: bytes, protocol: int) -> Socket:
    """Return a socket as the kernel described it."""
    family, state, sport, dport, source, target, _, _, uid, inode = _ANSWER.unpack(description)
    size = 4 if family == socket.AF_INET else 16
    local = Endpoint(shown(source[:size]), int.from_bytes(sport, "big"))
    remote = Endpoint(shown(target[:size]), int.from_bytes(dport, "big"))
    word = STATES.get(state, "closed")
    partner = None if word == "listening" or not remote.port else remote
    return Socket(protocol, local, partner, word, uid, inode)


def _protocol(attributes: bytes) -> int:
    """Return the IP protocol that a message about an end names (INET_DIAG_PROTOCOL)."""
    for kind, value in netlink.attributes(attributes):
        if kind == 10 and value:
            return value[0]
    return 0


def _netlink() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, SOCK_DIAG)
