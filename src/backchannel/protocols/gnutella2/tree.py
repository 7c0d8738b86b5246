"""Gnutella2 packets: named trees. Bytes in, values out.

    PACKET    control u8 | length 0-3 bytes, little-endian | name 1-8 bytes | children | payload
    control   length bytes c0 | name bytes less one 38 | has children 04 | big-endian 02

Children are packets themselves; a zero control byte ends them where a payload follows. Described
in the Gnutella2 standard (as quoted in gtk-gnutella src/core/g2/frame.c) and by Shareaza's
G2Packet. Big-endian packets exist on paper only: gtk-gnutella refuses them, and so does this.
Nothing here remembers anything, and nothing recurses: callers open the levels they know.
"""

import re
from collections.abc import Iterator

import msgspec

from backchannel.reader import Reader, WireError

MAX_PACKET = 262_144
"""Longest body. Shareaza takes 64 KiB; the field could say 16 MiB."""
MAX_CHILDREN = 4096
MAX_HEADER = 12
COMPOUND, BIG_ENDIAN = 0x04, 0x02

_NAME = re.compile(rb"[0-9A-Za-z]{1,8}")
_KNOWN = re.compile(
    rb"(?s)(?=((?:[\x40-\x7f].|[\x80-\xbf]..|[\xc0-\xff]...)"
    rb"(?:LNI|KHL|Q2|QA|QH2|QHT|QKA|QKR|HAW|PUSH)))"
)


class Packet(msgspec.Struct, frozen=True, gc=False):
    """One packet; *body* holds its children and then its payload."""

    name: str
    compound: bool
    body: bytes


def take_packets(buffer: bytearray) -> Iterator[Packet]:
    """Cut all whole packets off the front of *buffer*, which holds at most one part of one then.

    Raises WireError when a header is invalid, or claims more than MAX_PACKET.
    """
    at, end = 0, len(buffer)
    try:
        while at < end:
            if not buffer[at]:  # ends a list of children; between packets it is padding
                at += 1
                continue
            header = bytes(buffer[at : at + MAX_HEADER])
            size = _header_size(header[0])
            if len(header) < size:
                return
            name, length = _read_header(header)
            if length > MAX_PACKET:
                raise WireError(f"packet claims {length} bytes")
            start = at + size
            if start + length > end:
                return
            packet = Packet(name, bool(header[0] & COMPOUND), bytes(buffer[start : start + length]))
            at = start + length
            yield packet
    finally:
        del buffer[:at]


def read_packets(data: bytes) -> list[Packet]:
    """Read the packets of a datagram, which must fill it."""
    buffer = bytearray(data)
    found = list(take_packets(buffer))
    if buffer or not found:
        raise WireError("packet cut short" if buffer else "no packet")
    return found


def open_packet(packet: Packet) -> tuple[list[Packet], bytes]:
    """Return the children and the payload of *packet*."""
    if not packet.compound or not packet.body:
        return [], packet.body
    reader, children = Reader(packet.body), list[Packet]()
    while reader and len(children) < MAX_CHILDREN:
        control = reader.peek(1)[0]
        if not control:
            reader.skip(1)
            break
        name, length = _read_header(reader.take(_header_size(control)))
        children.append(Packet(name, bool(control & COMPOUND), reader.take(length)))
    return children, reader.rest()


def payload(packet: Packet) -> bytes:
    """Return the payload alone."""
    return open_packet(packet)[1]


def _header_size(control: int) -> int:
    return 1 + (control >> 6) + (control >> 3 & 7) + 1


def _read_header(header: bytes) -> tuple[str, int]:
    """Return name and length of the body that *header*, which is whole, announces."""
    control = header[0]
    if control & BIG_ENDIAN or control & 1:
        raise WireError(f"control byte {control:02x}")
    start = 1 + (control >> 6)
    name = header[start : _header_size(control)]
    if _NAME.fullmatch(name) is None:
        raise WireError(f"packet name {name!r}")
    return name.decode("ascii"), int.from_bytes(header[1:start], "little")


def resume(buffer: bytearray) -> bool:
    """Cut off what stands before a well-known packet behind a gap; False while there is none.

    A place counts only when a longest header would be whole there, so that an earlier one is
    never passed over because its bytes have not come.
    """
    data = bytes(buffer)
    for found in _KNOWN.finditer(data):
        at = found.start()
        if _header_size(data[at]) == len(found[1]) and len(data) - at >= MAX_HEADER:
            del buffer[:at]
            return True
    del buffer[: 1 - MAX_HEADER]
    return False
