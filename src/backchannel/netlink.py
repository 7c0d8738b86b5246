"""Messages and attributes of netlink, as the kernel sends them: every length is compared with what
is left. Facts: linux/netlink.h (nlmsghdr, nlattr).
"""

import struct
from collections.abc import Iterator

ROUTE, NETFILTER = 0, 12
"""The families NETLINK_ROUTE and NETLINK_NETFILTER."""
ERROR, DONE = 2, 3
"""Kinds of messages: an error, or 0 as an acknowledgement; the end of a dump."""
NESTED = 0x8000
"""Bit of an attribute's kind: it holds attributes."""
_HEADER = 16


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and body of the messages in one datagram."""
    place = 0
    while len(data) - place >= _HEADER:
        size, kind = struct.unpack_from("=IH", data, place)
        if not _HEADER <= size <= len(data) - place:
            return
        yield kind, data[place + _HEADER : place + size]
        place += (size + 3) & ~3


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind, without its bits, and value of attributes."""
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if not 4 <= size <= len(data):
            return
        yield kind & 0x3FFF, data[4:size]
        data = data[(size + 3) & ~3 :]


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)
