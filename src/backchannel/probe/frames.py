"""An exchange as the frames of a capture, so that it can be read as any other traffic is.

The bytes and times are those of the sockets. The headers are made: plain sockets show none, and how
a stream was cut is not known. Packets are raw IP (link type 101), the file is a pcapng
(draft-ietf-opsawg-pcapng): each packet has a comment with the hello's name, and keys of TLS stand
in a block of decryption secrets.
"""

import struct
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import NamedTuple

from backchannel.enforce.inject import checksum
from backchannel.enforce.tcp import ACK, FIN, RST, SYN
from backchannel.model import Endpoint, Side
from backchannel.probe.exchange import End, Exchange, Step

RAW = 101
PUSH = 0x08
PIECE = 1400
"""Bytes of data in a segment."""
ABOUT = (
    "Made by backchannel probe from what its sockets sent and got. Bytes and times are real; IP, "
    "TCP and UDP headers are made."
)
_SECTION, _INTERFACE, _PACKET, _SECRETS = 0x0A0D0D0A, 1, 6, 10
_COMMENT, _RESOLUTION = 1, 9
_TLS_KEYS = 0x544C534B


class Frame(NamedTuple):
    """A packet that begins with its IP header."""

    time: int
    data: bytes
    comment: str = ""


def frames(exchange: Exchange, steps: Iterable[Step] | None = None) -> Iterator[Frame]:
    """Yield the packets of an exchange; *steps* in place of its own, for what was inside TLS."""
    told = exchange.steps if steps is None else list(steps)
    make = _datagrams if exchange.transport == "udp" else _connection
    yield from make(exchange, told)


def header() -> bytes:
    """Return how a capture begins."""
    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    interface = struct.pack("<HHI", RAW, 0, 0) + _option(_RESOLUTION, b"\x09") + bytes(4)
    return _block(_SECTION, section + _option(_COMMENT, ABOUT.encode()) + bytes(4)) + _block(
        _INTERFACE, interface
    )


def packets(exchanges: Iterable[Exchange], steps: Iterable[Step] | None = None) -> Iterator[bytes]:
    """Yield what follows it: *exchanges*, in the order of time; *steps* as for `frames`."""
    kept = list(exchanges)
    if keys := b"".join(each.secrets for each in kept):
        yield _block(_SECRETS, struct.pack("<II", _TLS_KEYS, len(keys)) + _padded(keys))
    told = sorted((frame for each in kept for frame in frames(each, steps)), key=_when)
    yield from map(_packet, told)


def _when(frame: Frame) -> int:
    return frame.time


# -- blocks of the file ----------------------------------------------------------------------------


def _packet(frame: Frame) -> bytes:
    high, low = divmod(frame.time, 1 << 32)
    size = len(frame.data)
    options = _option(_COMMENT, frame.comment.encode()) + bytes(4) if frame.comment else b""
    return _block(
        _PACKET, struct.pack("<IIIII", 0, high, low, size, size) + _padded(frame.data) + options
    )


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


# -- packets ---------------------------------------------------------------------------------------


def _datagrams(exchange: Exchange, steps: list[Step]) -> Iterator[Frame]:
    ends = _ends(exchange)
    for side, data, time in steps:
        source, target = ends[side], ends[side.other]
        head = struct.pack(">HHHH", source.port, target.port, 8 + len(data), 0)
        yield Frame(time, _ip(source, target, 17, head + data, at=6), _named(exchange, side))


def _connection(exchange: Exchange, steps: list[Step]) -> Iterator[Frame]:
    ends, seq, begun = _ends(exchange), [1_000_000, 2_000_000], exchange.began

    def segment(side: Side, time: int, flags: int, data: bytes = b"", comment: str = "") -> Frame:
        source, target = ends[side], ends[side.other]
        head = struct.pack(
            ">HHIIBBHHH",
            *(source.port, target.port, seq[side], seq[side.other] if flags & ACK else 0),
            *(0x50, flags, 65535, 0, 0),
        )
        seq[side] += len(data) + bool(flags & (SYN | FIN))
        return Frame(time, _ip(source, target, 6, head + data, at=16), comment)

    yield segment(Side.CLIENT, begun, SYN, comment=f"{exchange.hello}: connection")
    if exchange.end is End.REFUSED:
        yield segment(Side.SERVER, exchange.ended, RST | ACK)
        return
    if not exchange.connected:
        return
    yield segment(Side.SERVER, begun, SYN | ACK)
    yield segment(Side.CLIENT, begun, ACK)
    for side, data, time in steps:
        for at in range(0, len(data), PIECE):
            comment = _named(exchange, side) if at == 0 else ""
            yield segment(side, time, ACK | PUSH, data[at : at + PIECE], comment)
            yield segment(side.other, time, ACK)
    if exchange.end is End.RESET:
        yield segment(Side.SERVER, exchange.ended, RST | ACK)
        return
    first = Side.SERVER if exchange.end is End.LEFT else Side.CLIENT
    yield segment(first, exchange.ended, FIN | ACK)
    yield segment(first.other, exchange.ended, FIN | ACK)
    yield segment(first, exchange.ended, ACK)


def _ends(exchange: Exchange) -> tuple[Endpoint, Endpoint]:
    return exchange.client, exchange.server


def _named(exchange: Exchange, side: Side) -> str:
    return f"{exchange.hello}: {'sent' if side is Side.CLIENT else 'answer'}"


def _ip(source: Endpoint, target: Endpoint, protocol: int, body: bytes, at: int) -> bytes:
    """Return an IP packet around a TCP segment or UDP datagram whose checksum stands *at*."""
    one, other = (ip_address(each.address.partition("%")[0]).packed for each in (source, target))
    length, kind = struct.pack(">I", len(body)), struct.pack(">I", protocol)
    check = checksum(one + other + length + kind + body)
    if protocol == 17 and not check:
        check = 0xFFFF
    body = body[:at] + struct.pack(">H", check) + body[at + 2 :]
    if len(one) == 16:
        return struct.pack(">IHBB", 6 << 28, len(body), protocol, 64) + one + other + body
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, 64, protocol, 0)
    head += one + other
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body
