"""Packets of our own: TCP resets, acknowledgements and ICMP that look as if they came from the
other end.

Checksums by RFC 1071; the reset's sequence number is the one its receiver waits for (RFC 5961 asks
for the exact one); ICMP quotes the packet it speaks of (RFC 792, RFC 4443). Selective
acknowledgements: RFC 2018; timestamps: RFC 7323.
"""

import socket
import struct
from collections.abc import Sequence

from backchannel.enforce import tcp
from backchannel.enforce.tcp import ACK, FIN, RST, SYN

HOPS = 64
BLOCKS = 3
"""Blocks of a selective acknowledgement that fit beside a timestamp."""
_END, _PAD, _TIMES, _SACK = 0, 1, 8, 5
QUOTED, QUOTED_6 = 576, 1280
"""Bytes of a whole ICMP message that quotes a packet, by version."""


class Segment:
    """The parts of one IP packet that answers are made of."""

    def __init__(self, packet: bytes) -> None:
        """*packet* begins with its IP header. Raises ValueError where it is too short."""
        if len(packet) < 20:
            raise ValueError("too short for an IP packet")
        self.version = packet[0] >> 4
        if self.version == 4:
            self.source, self.target = packet[12:16], packet[16:20]
            self.protocol, start = packet[9], (packet[0] & 15) * 4
        elif len(packet) >= 40:
            self.source, self.target = packet[8:24], packet[24:40]
            self.protocol, start = _upper(packet)
        else:
            raise ValueError("too short for an IPv6 packet")
        self.start, self.packet, self.transport = start, packet, packet[start:]
        self.ports = 0, 0
        if self.protocol in {socket.IPPROTO_TCP, socket.IPPROTO_UDP}:
            self.ports = struct.unpack(">HH", self.transport[:4].ljust(4, b"\0"))
        if self.protocol == socket.IPPROTO_TCP and len(self.transport) >= 20:
            self.seq: int
            self.ack: int
            self.seq, self.ack = struct.unpack_from(">II", self.transport, 4)
            self.flags = self.transport[13]
            self.data = self.transport[(self.transport[12] >> 4) * 4 :]
        elif self.protocol == socket.IPPROTO_TCP:
            raise ValueError("too short for a TCP segment")

    @property
    def times(self) -> tuple[int, int] | None:
        """The segment's timestamp and the one it echoes; None where it has none."""
        options = self.transport[20 : (self.transport[12] >> 4) * 4]
        while options and options[0] != _END:
            size = 1 if options[0] == _PAD else options[1] if len(options) > 1 else 0
            if not 0 < size <= len(options) or (size == 1 and options[0] != _PAD):
                return None
            if options[0] == _TIMES and size == 10:
                mine, echoed = struct.unpack_from(">II", options, 2)
                return mine, echoed
            options = options[size:]
        return None

    @property
    def after(self) -> int:
        """Sequence number after everything that the segment holds."""
        length = len(self.data) + bool(self.flags & FIN) + bool(self.flags & SYN)
        return tcp.after(self.seq, length)


def reset_to_target(segment: Segment) -> bytes:
    """Return the reset that its target takes as the sender's, in place of *segment*."""
    flags = RST | (segment.flags & ACK)
    return _tcp(
        segment.version,
        segment.source,
        segment.target,
        segment.ports,
        segment.seq,
        segment.ack,
        flags,
    )


def acknowledgement(
    segment: Segment,
    ack: int,
    window: int,
    blocks: Sequence[tuple[int, int]],
    times: tuple[int, int] | None,
) -> bytes:
    """Return what tells the sender of *segment* that its target has everything before *ack* and
    the *blocks* (begin, end) behind a hole. It obliges nobody: what is acknowledged selectively is
    kept by its sender (RFC 2018 §8), who also ignores it where it was not agreed on. *times* is
    the timestamp of the segment, and the one it echoes.
    """
    options = b""
    if times is not None:
        options = struct.pack(">BBBBII", _PAD, _PAD, _TIMES, 10, times[1], times[0])
    told = blocks[:BLOCKS]
    options += struct.pack(">BBBB", _PAD, _PAD, _SACK, 2 + 8 * len(told))
    options += b"".join(struct.pack(">II", *block) for block in told)
    return _tcp(
        segment.version,
        segment.target,
        segment.source,
        (segment.ports[1], segment.ports[0]),
        segment.ack,
        ack,
        ACK,
        window=window,
        options=options,
    )


def with_data(segment: Segment, data: bytes) -> bytes:
    """Return the packet of *segment* with *data*, as long as its own, in place of its own."""
    head = segment.transport[: len(segment.transport) - len(segment.data)]
    head = head[:16] + b"\0\0" + head[18:]
    check = checksum(
        _pseudo(segment.version, segment.source, segment.target, head + data) + head + data
    )
    body = head[:16] + struct.pack(">H", check) + head[18:] + data
    return segment.packet[: segment.start] + body


def reset(  # noqa: PLR0917 - the fields of a header
    source: bytes, target: bytes, source_port: int, target_port: int, seq: int, ack: int | None
) -> bytes:
    """Return a reset from *source* to *target* with the sequence number that *target* waits for.

    Addresses of 4 or of 16 bytes. *ack*: what *source* would acknowledge, where that is known.
    """
    version = 4 if len(source) == 4 else 6
    flags = RST if ack is None else RST | ACK
    return _tcp(version, source, target, (source_port, target_port), seq, ack or 0, flags)


def probe(  # noqa: PLR0917 - the fields of a header
    source: bytes, target: bytes, source_port: int, target_port: int, seq: int, ack: int
) -> bytes:
    """Return an empty segment that *target* answers with what it waits for (RFC 9293 §3.10.7.4),
    because *seq* lies before that.
    """
    version = 4 if len(source) == 4 else 6
    return _tcp(version, source, target, (source_port, target_port), seq, ack, ACK)


def unreachable(segment: Segment, *, forbidden: bool = False) -> bytes:
    """Return the ICMP message "port unreachable" to the sender of a datagram; *forbidden*:
    "communication administratively prohibited" (RFC 1812 §5.2.7.1, RFC 4443 §3.1).

    It quotes as much of the datagram as a message may hold: 576 bytes in all (RFC 1812 §4.3.2.3),
    for IPv6 the least MTU (RFC 4443 §2.4).
    """
    if segment.version == 4:
        quoted = segment.packet[: QUOTED - 20 - 8]
        body = _icmp(struct.pack(">BBHI", 3, 13 if forbidden else 3, 0, 0) + quoted, b"")
        return _ip(4, segment.target, segment.source, socket.IPPROTO_ICMP, body)
    quoted = segment.packet[: QUOTED_6 - 40 - 8]
    message = struct.pack(">BBHI", 1, 1 if forbidden else 4, 0, 0) + quoted
    pseudo = segment.target + segment.source + struct.pack(">II", len(message), 58)
    return _ip(6, segment.target, segment.source, 58, _icmp(message, pseudo))


def bare(packet: bytes) -> bool:
    """Say whether *packet* is no more than one of ours: IP and TCP headers without data, that
    resets or acknowledges.
    """
    head = 20 if packet[:1] == b"\x45" else 40
    if len(packet) < head + 20 or (head == 40 and packet[0] >> 4 != 6):
        return False
    if len(packet) != head + (packet[head + 12] >> 4) * 4:
        return False
    protocol, flags = packet[9 if head == 20 else 6], packet[head + 13]
    return protocol == socket.IPPROTO_TCP and bool(flags) and not flags & ~(RST | ACK)


# -- parts -----------------------------------------------------------------------------------------


def _upper(packet: bytes) -> tuple[int, int]:
    """Return (protocol, offset) of what an IPv6 packet's extension headers lead to."""
    kind, at = packet[6], 40
    for _ in range(8):
        if kind not in (0, 43, 60) or at + 8 > len(packet):  # hop-by-hop, routing, destination
            break
        kind, at = packet[at], at + (packet[at + 1] + 1) * 8
    return kind, at


def _tcp(  # noqa: PLR0917 - the fields of a header
    version: int,
    source: bytes,
    target: bytes,
    ports: tuple[int, ...],
    seq: int,
    ack: int,
    flags: int,
    *,
    window: int = 0,
    options: bytes = b"",
) -> bytes:
    length = 5 + len(options) // 4
    body = struct.pack(">HHIIBBHHH", *ports, seq, ack, length << 4, flags, window, 0, 0) + options
    check = checksum(_pseudo(version, source, target, body) + body)
    body = body[:16] + struct.pack(">H", check) + body[18:]
    return _ip(version, source, target, socket.IPPROTO_TCP, body)


def _pseudo(version: int, source: bytes, target: bytes, body: bytes) -> bytes:
    """Return what TCP's checksum covers beside the segment."""
    form = ">HH" if version == 4 else ">II"
    numbers = (socket.IPPROTO_TCP, len(body)) if version == 4 else (len(body), socket.IPPROTO_TCP)
    return source + target + struct.pack(form, *numbers)


def _icmp(message: bytes, pseudo: bytes) -> bytes:
    return message[:2] + struct.pack(">H", checksum(pseudo + message)) + message[4:]


def _ip(version: int, source: bytes, target: bytes, protocol: int, body: bytes) -> bytes:
    if version == 6:
        return struct.pack(">IHBB", 6 << 28, len(body), protocol, HOPS) + source + target + body
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, HOPS, protocol, 0)
    head += source + target
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) & 1)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
