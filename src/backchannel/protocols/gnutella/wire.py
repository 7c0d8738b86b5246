"""Gnutella messages on the wire. Bytes in, values out.

    MESSAGE   guid 16 | kind u8 | ttl u8 | hops u8 | size u32le | body
    PONG      port u16le | IPv4 4 | files u32le | kilobytes u32le | extensions
    PUSH      servent 16 | file index u32le | IPv4 4 | port u16le | extensions

Addresses are in network order, ports and all other numbers little-endian (Clip2's description of
0.4; RFC-Gnutella 0.6 §2.2). Nothing here remembers anything.
"""

from collections.abc import Iterator
from ipaddress import IPv6Address

import msgspec

from backchannel.reader import WireError

HEADER = 23
MAX_BODY = 65_536
"""Longest body: LimeWire and gtk-gnutella accept no more than 64 KiB."""

PING, PONG, BYE = 0x00, 0x01, 0x02
QRP, VENDOR, STANDARD = 0x30, 0x31, 0x32
PUSH, RUDP, DHT = 0x40, 0x41, 0x44
QUERY, HIT, HSEP = 0x80, 0x81, 0xCD

NAMES = {
    PING: "ping",
    PONG: "pong",
    BYE: "bye",
    QRP: "qrp",
    VENDOR: "vendor",
    STANDARD: "vendor",
    PUSH: "push",
    RUDP: "rudp",
    DHT: "dht",
    QUERY: "query",
    HIT: "query-hit",
    HSEP: "hsep",
}
HIGHEST = 10
"""Highest TTL plus hops that honest servents sent: 7 is the custom, BearShare once sent 10."""

CAN_INFLATE, DEFLATED = 0x08, 0x80
"""Marks in the TTL of a datagram ("Gnutella UDP Traffic Compression", §3-4)."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message."""

    guid: bytes
    kind: int
    ttl: int
    hops: int
    body: bytes


def read_message(data: bytes) -> Message:
    """Read a datagram, which must hold exactly one message."""
    if len(data) < HEADER:
        raise WireError(f"{len(data)} bytes are not a message")
    size = _size(data)
    if size + HEADER != len(data):
        raise WireError(f"message of {size} bytes in a datagram of {len(data)}")
    return Message(data[:16], data[16], data[17], data[18], data[HEADER:])


def take_messages(buffer: bytearray) -> Iterator[Message]:
    """Cut all whole messages off the front of *buffer*, which holds at most one part of one then.

    Raises WireError when a size exceeds MAX_BODY: then it is no size.
    """
    at, end = 0, len(buffer)
    try:
        while end - at >= HEADER:
            size = _size(buffer, at)
            if size > MAX_BODY:
                raise WireError(f"message claims {size} bytes")
            start, at = at, at + HEADER + size
            if at > end:
                at = start
                return
            head = buffer[start : start + HEADER]
            body = bytes(buffer[start + HEADER : at])
            yield Message(bytes(head[:16]), head[16], head[17], head[18], body)
    finally:
        del buffer[:at]


def _size(data: bytes | bytearray, at: int = 0) -> int:
    return int.from_bytes(data[at + 19 : at + HEADER], "little")


def ipv4(data: bytes, at: int = 0) -> str:
    """Return four bytes of *data* as an address; the caller made sure that they are there."""
    return f"{data[at]}.{data[at + 1]}.{data[at + 2]}.{data[at + 3]}"


def usable(address: str, port: int) -> bool:
    """Whether a told address can be meant: `0.` and `127.` stand for "none" in this network."""
    return port > 0 and not address.startswith(("0.", "127.", "255."))


def hosts(data: bytes, *, wide: bool = False) -> list[tuple[str, int]]:
    """Return packed addresses with little-endian ports: 6 bytes each, or 18 when *wide* (IPv6)."""
    width = 18 if wide else 6
    found = []
    for at in range(0, len(data) - width + 1, width):
        port = int.from_bytes(data[at + width - 2 : at + width], "little")
        address = str(IPv6Address(data[at : at + 16])) if wide else ipv4(data, at)
        if usable(address, port):
            found.append((address, port))
    return found
