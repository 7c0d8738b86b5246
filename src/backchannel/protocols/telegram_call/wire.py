"""What clients and a relay of Telegram's say to each other. Bytes in, values out.

    tag 16 | twelve ff | fe ff ff ff | id u64                                       ping
    tag 16 | sixteen ff                                                             who is there?
    tag 16 | twelve ff | c01572c7 | seconds u32 | id u64 | address 16 | port u32    answer to a ping
    tag 16 | twelve ff | 27d9371c | own 4 | port u32 | peer's 4 | port u32          who is there
    tag 16 | twelve ff | 83fc73b1 | own 16 | port u32 | peer's 16 | port u32        the same, IPv6
    tag 16 | encrypted                                                              media, libtgvoip
    tag 16 | sender u32 | bytes u32 be | packet | up to 3 zeros                     media, tgcalls

Little-endian but for the addresses. In tgcalls the tag's last four bytes say for whom it is. Over
TCP each has its length u32 in front; the client begins with ee ee ee ee, then a tag and a zero u32.
"""

from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from backchannel.reader import Reader, WireError

TAG, CALL = 16, 12
"""Bytes of a tag, and of that part of it that is the call's."""
_MARK = b"\xff" * 12
PING, ASK = 0xFFFFFFFE, 0xFFFFFFFF
SELF, PEER, PEER6 = 0xC01572C7, 0x27D9371C, 0x83FC73B1
HELLO = 1
"""Our number for a packet that has nothing but a tag in it."""
_SIZES = {PING: 40, ASK: 32, SELF: 64, PEER: 48, PEER6: 72}
"""What is for the relay or from it, and its size."""
FROM_RELAY = frozenset({SELF, PEER, PEER6})
BLOCK = 16
OPENING = b"\xee" * 4
_HELLO, _LEAST_MEDIA = 20, 24
MOST = 1 << 16
"""Bytes of a packet over TCP."""


class Packet(NamedTuple):
    """One packet."""

    call: bytes
    """What it has in common with the others of the call, at this relay and at others."""
    kind: int = 0
    """0: media."""
    id: int = 0
    """Of a ping, and of its answer."""
    own: tuple[str, int] | None = None
    peer: tuple[str, int] | None = None
    """Where the relay sees the client, and whom it talks to."""
    webrtc: bool = False
    """Whether media is wrapped as tgcalls does."""


def read_packet(data: bytes) -> Packet | None:
    """Read one packet; None for what is none of a known kind."""
    call, kind = data[:CALL], int.from_bytes(data[28:32], "little")
    if data[TAG : TAG + 12] != _MARK:
        if len(data) < TAG:
            return None
        return Packet(call, HELLO if len(data) <= _LEAST_MEDIA else 0, webrtc=_wrapped(data))
    if _SIZES.get(kind) != len(data) or call == _MARK:
        return None
    reader = Reader(data, 32)
    if kind in (PING, ASK):
        return Packet(call, kind, reader.u64le() if reader else 0)
    if kind == SELF:
        reader.skip(4)
        number = reader.u64le()
        return Packet(call, kind, number, own=_endpoint(reader, 16))
    size = 16 if kind == PEER6 else 4
    return Packet(call, kind, own=_endpoint(reader, size), peer=_endpoint(reader, size))


def is_sealed(data: bytes) -> bool:
    """Say whether a datagram can be one between the clients: a key of 16 bytes and whole blocks."""
    return len(data) >= 2 * BLOCK and len(data) % BLOCK == 0


def _wrapped(data: bytes) -> bool:
    size = int.from_bytes(data[20:24], "big")
    return len(data) > 24 and 0 <= len(data) - 24 - size <= 3


def _endpoint(reader: Reader, size: int) -> tuple[str, int] | None:
    """Read an address of *size* bytes and a port; None where there is none."""
    address = ip_address(reader.take(size))
    port = reader.u32le()
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    usable = 0 < port < 65536 and not address.is_unspecified
    return (str(address), port) if usable else None


def opens(data: bytes) -> bool | None:
    """Say whether a client's stream opens as to a relay; None: "need more"."""
    head = OPENING + _HELLO.to_bytes(4, "little")
    if len(data) < 8 + _HELLO:
        return None if head.startswith(data[:8]) else False
    tag, rest = data[8 : 8 + TAG], data[8 + TAG : 8 + _HELLO]
    return data[:8] == head and not any(rest) and len(set(tag)) > TAG // 2


def pass_opening(buffer: bytearray) -> None:
    """Take what a client begins with off its stream."""
    if not buffer.startswith(OPENING):
        raise WireError("no opening")
    del buffer[: len(OPENING)]


def take_packet(buffer: bytearray) -> bytes | None:
    """Cut a packet off one side's stream; None: "need more"."""
    if len(buffer) < 4:
        return None
    size = int.from_bytes(buffer[:4], "little")
    if not TAG < size <= MOST:
        raise WireError(f"packet of {size} bytes")
    if len(buffer) < 4 + size:
        return None
    packet = bytes(buffer[4 : 4 + size])
    del buffer[: 4 + size]
    return packet
