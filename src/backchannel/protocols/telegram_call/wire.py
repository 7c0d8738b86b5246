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

from backchannel.protocols.compact import text
from backchannel.reader import WireError

TAG, CALL = 16, 12
"""Bytes of a tag, and of that part of it that is the call's."""
_MARK = b"\xff" * 12
_MAPPED = bytes(10) + b"\xff\xff"
"""In front of an IPv4 address where one of IPv6 is wanted."""
PING, ASK = 0xFFFFFFFE, 0xFFFFFFFF
SELF, PEER, PEER6 = 0xC01572C7, 0x27D9371C, 0x83FC73B1
HELLO = 1
"""Our number for a packet that has nothing but a tag in it."""
_SIZES = {PING: 40, ASK: 32, SELF: 64, PEER: 48, PEER6: 72}
"""What is for the relay or from it, and its size."""
FROM_RELAY = frozenset({SELF, PEER, PEER6})
IDENTITY = 8
"""Bytes of a ping's number."""
BLOCK = 16
OPENING = b"\xee" * 4
_HELLO, _LEAST_MEDIA = 20, 24
MOST = 1 << 16
"""Bytes of a packet over TCP."""


class Packet:
    """One packet. `read_packet` makes it."""

    __slots__ = ("call", "id", "kind", "own", "peer", "webrtc")
    call: bytes
    """What it has in common with the others of the call, at this relay and at others."""
    kind: int
    """0: media."""
    id: bytes
    """Of a ping, and of its answer."""
    own: tuple[str, int] | None
    peer: tuple[str, int] | None
    """Where the relay sees the client, and whom it talks to."""
    webrtc: bool
    """Whether media is wrapped as tgcalls does."""


def read_packet(data: bytes) -> Packet | None:
    """Read one packet; None for what is none of a known kind."""
    size, octets = len(data), data
    if size < TAG:
        return None
    packet = Packet.__new__(Packet)  # without the call that `__init__` would be
    packet.call, packet.id = octets[:CALL], b""
    packet.own = packet.peer = None
    packet.webrtc = False
    if size < 28 or octets[TAG] != 0xFF or octets[TAG:28] != _MARK:
        packet.kind = HELLO if size <= _LEAST_MEDIA else 0
        packet.webrtc = _is_wrapped(data)
        return packet
    if size < 32:  # cut off before its kind
        return None
    high, low = octets[31] << 8 | octets[30], octets[29] << 8 | octets[28]
    kind = packet.kind = high << 16 | low
    if _SIZES.get(kind) != size or packet.call == _MARK:
        return None
    if kind == PING:
        packet.id = octets[32:40]
    elif kind == SELF:
        packet.id = octets[36:44]
        packet.own = _endpoint(data, 44, 16)
    elif kind != ASK:
        width = 16 if kind == PEER6 else 4
        packet.own = _endpoint(data, 32, width)
        packet.peer = _endpoint(data, 36 + width, width)
    return packet


def is_sealed(data: bytes) -> bool:
    """Say whether a datagram can be one between the clients: a key of 16 bytes and whole blocks."""
    return len(data) >= 2 * BLOCK and len(data) % BLOCK == 0


def _is_wrapped(data: bytes) -> bool:
    octets, behind = data, len(data) - _LEAST_MEDIA
    if behind <= 0 or octets[20] or octets[21]:  # no packet has 64 KiB
        return False
    return 0 <= behind - (octets[22] << 8 | octets[23]) <= 3


def _endpoint(data: bytes, at: int, size: int) -> tuple[str, int] | None:
    """Read an address of *size* bytes and a port behind it; None where there is none."""
    octets, end = data, at + size
    address = octets[at:end]
    if address.startswith(_MAPPED):
        address = octets[at + 12 : end]
    port = octets[end + 1] << 8 | octets[end]
    usable = port and not octets[end + 2] and not octets[end + 3] and any(address)
    return (text(address), port) if usable else None


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
