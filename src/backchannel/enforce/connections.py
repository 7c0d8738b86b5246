"""The kernel's connections and the marks that they bear, by its own messages (ctnetlink).

Facts: Linux `include/uapi/linux/netfilter/nfnetlink_conntrack.h`. The kernel's dump is read one
datagram at a time.
"""

import os
import socket
import struct
from collections.abc import Iterator
from typing import Self

import msgspec

from backchannel import netlink
from backchannel.model import Endpoint

_CTNETLINK = 1
_NEW, _GET = 0, 1
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_ORIGINAL, _REPLY, _MARK, _MASK = 1, 2, 8, 21
_HEADER, _FAMILY = 20, 4
"""Bytes of both headers, and of the second, which tells the family of addresses."""
_TIMEOUT = 5.0

End = tuple[bytes, int]
"""Address, packed, and port; 0 where the protocol has none."""
Key = tuple[int, End, End]
"""IP protocol and the two ends, the lower one first: the same for both directions."""


class Connection(msgspec.Struct, frozen=True):
    """One connection as the kernel knows it."""

    family: int
    original: bytes
    """The kernel's own words for its opener, to name it again."""
    mark: int
    protocol: int
    client: End
    called: End
    """Whom the client called."""
    server: End
    """Who answers: another one where addresses are translated."""

    @property
    def keys(self) -> tuple[Key, ...]:
        """What its packets may look like on their way, before and after translation."""
        there = key(self.protocol, self.client, self.server)
        if self.called == self.server:
            return (there,)
        return there, key(self.protocol, self.client, self.called)


def end_of(end: Endpoint) -> End:
    """Return an end of a flow as ends of connections are."""
    family = socket.AF_INET6 if ":" in end.address else socket.AF_INET
    return socket.inet_pton(family, end.address), end.port


def key(protocol: int, one: End, other: End) -> Key:
    """Return the name of a connection that both directions share."""
    return (protocol, one, other) if one <= other else (protocol, other, one)


class Marker:
    """Changes marks. Needs CAP_NET_ADMIN."""

    def __init__(self) -> None:
        self._socket = _open()

    def change(self, connection: Connection, mark: int, mask: int) -> bool:
        """Set the bits *mask* of its mark as in *mark*; all others stay. False: it is gone."""
        body = netlink.attribute(_ORIGINAL | netlink.NESTED, connection.original)
        body += netlink.attribute(_MARK, struct.pack(">I", mark & mask))
        body += netlink.attribute(_MASK, struct.pack(">I", mask))
        _send(self._socket, _NEW, _REQUEST | _ACK, connection.family, body)
        told = self._socket.recv(4096)
        return len(told) >= 20 and struct.unpack_from("=i", told, 16)[0] == 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def clear(mask: int) -> int:
    """Clear the bits *mask* of all connections' marks in this network; return of how many.

    Raises OSError, EPERM without CAP_NET_ADMIN.
    """
    with Marker() as marker:
        return sum(marker.change(each, 0, mask) for each in list(every()) if each.mark & mask)


def standing() -> Iterator[Key]:
    """Yield the names of all UDP connections that the kernel tracks now. Raises OSError."""
    for each in every():
        if each.protocol == socket.IPPROTO_UDP:
            yield from each.keys


def every() -> Iterator[Connection]:
    """Yield every connection that the kernel tracks in this network. Raises OSError."""
    with _open() as made:
        _send(made, _GET, _REQUEST | _DUMP, 0, b"")
        while True:
            for kind, body in netlink.messages(made.recv(1 << 17)):
                if kind == netlink.DONE:
                    return
                if kind == netlink.ERROR:
                    failed = -struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
                    raise OSError(failed, os.strerror(failed))
                if kind >> 8 == _CTNETLINK and len(body) >= _FAMILY:
                    found = _connection(body[0], dict(netlink.attributes(body[_FAMILY:])))
                    if found is not None:
                        yield found


def _connection(family: int, told: dict[int, bytes]) -> Connection | None:
    mark = told.get(_MARK, b"")
    if len(mark) != 4 or _ORIGINAL not in told:
        return None
    there, back = _tuple(told[_ORIGINAL]), _tuple(told.get(_REPLY, b""))
    if there is None:
        return None
    protocol, client, called = there
    server = back[1] if back is not None else called
    original = told[_ORIGINAL]
    return Connection(family, original, int.from_bytes(mark), protocol, client, called, server)


def _tuple(data: bytes) -> tuple[int, End, End] | None:
    """Return (IP protocol, from, to) of CTA_TUPLE_ORIG or CTA_TUPLE_REPLY."""
    parts = dict(netlink.attributes(data))
    addresses, ports = (dict(netlink.attributes(parts.get(kind, b""))) for kind in (1, 2))
    source, target = addresses.get(1, addresses.get(3)), addresses.get(2, addresses.get(4))
    if source is None or target is None or not ports.get(1):
        return None
    numbers = [int.from_bytes(ports.get(kind, b"")[:2]) for kind in (2, 3)]
    return ports[1][0], (source, numbers[0]), (target, numbers[1])


def _open() -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, netlink.NETFILTER)
    made.settimeout(_TIMEOUT)
    return made


def _send(made: socket.socket, what: int, flags: int, family: int, body: bytes) -> None:
    head = struct.pack("=IHHII", _HEADER + len(body), _CTNETLINK << 8 | what, flags, 1, 0)
    made.send(head + struct.pack(">BBH", family, 0, 0) + body)
