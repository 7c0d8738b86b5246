"""Captures made by hand: conversations written as pcap files, on any ports, through any proxy.

Only the bytes of a conversation come from elsewhere; addresses, ports, sequence numbers and times
are made here, the same each time.
"""

import struct
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path

from tests.kit import Step

from backchannel.model import Endpoint, Side

CLIENT = Endpoint("10.9.0.2", 40_001)
SERVER = Endpoint("198.51.100.7", 7_777)
SYN, ACK, PSH, FIN = 2, 16, 8, 1
MTU = 1400


def pcap(
    packets: Iterable[bytes], *, link: int = 101, start: int = 1_700_000_000, apart: int = 1
) -> bytes:
    """Return a capture of raw IP *packets*, so many milliseconds *apart*."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)]
    for number, packet in enumerate(packets):
        seconds, rest = divmod(number * apart, 1000)
        out.append(struct.pack("<IIII", start + seconds, rest * 1000, len(packet), len(packet)))
        out.append(packet)
    return b"".join(out)


def write(path: Path, packets: Iterable[bytes]) -> Path:
    """Write *packets* as a capture and return its path."""
    path.write_bytes(pcap(packets))
    return path


def ip(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    """Return an IPv4 or IPv6 packet, whichever the addresses are."""
    a, b = ip_address(source), ip_address(target)
    if a.version == 6:
        return (
            struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64)
            + a.packed
            + b.packed
            + payload
        )
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    return head + a.packed + b.packed + payload


def udp(source: Endpoint, target: Endpoint, data: bytes) -> bytes:
    """Return one datagram."""
    head = struct.pack(">HHHH", source.port, target.port, 8 + len(data), 0)
    return ip(source.address, target.address, 17, head + data)


def segment(
    source: Endpoint, target: Endpoint, sequence: int, ack: int, flags: int, *, data: bytes = b""
) -> bytes:
    """Return one TCP segment."""
    head = struct.pack(
        ">HHIIBBHHH",
        source.port,
        target.port,
        sequence & 0xFFFFFFFF,
        ack & 0xFFFFFFFF,
        5 << 4,
        flags,
        65535,
        0,
        0,
    )
    return ip(source.address, target.address, 6, head + data)


def tcp(
    steps: Sequence[Step],
    *,
    client: Endpoint = CLIENT,
    server: Endpoint = SERVER,
    cut: int = MTU,
    handshake: bool = True,
    close: bool = True,
) -> list[bytes]:
    """Return a whole TCP connection that carries *steps*; a gap is bytes that are not captured."""
    ends, next_ = (client, server), [1_000, 900_000]
    packets: list[bytes] = []
    if handshake:
        packets.append(segment(client, server, next_[0] - 1, 0, SYN))
        packets.append(segment(server, client, next_[1] - 1, next_[0], SYN | ACK))
        packets.append(segment(client, server, next_[0], next_[1], ACK))
    for side, data in steps:
        if isinstance(data, int):
            next_[side] += data
            continue
        for at in range(0, len(data), cut):
            piece = data[at : at + cut]
            packets.append(
                segment(
                    ends[side],
                    ends[side.other],
                    next_[side],
                    next_[side.other],
                    PSH | ACK,
                    data=piece,
                )
            )
            next_[side] += len(piece)
    if close:
        packets.append(segment(client, server, next_[0], next_[1], FIN | ACK))
        packets.append(segment(server, client, next_[1], next_[0] + 1, FIN | ACK))
        packets.append(segment(client, server, next_[0] + 1, next_[1] + 1, ACK))
    return packets


def datagrams(
    steps: Sequence[Step], *, client: Endpoint = CLIENT, server: Endpoint = SERVER
) -> list[bytes]:
    """Return a UDP flow that carries *steps*."""
    ends = (client, server)
    return [
        udp(ends[side], ends[side.other], data) for side, data in steps if isinstance(data, bytes)
    ]


def through_socks5(steps: Sequence[Step], target: Endpoint) -> list[Step]:
    """Put a SOCKS5 connection to *target* (RFC 1928, no authentication) before *steps*."""
    place = ip_address(target.address).packed + struct.pack(">H", target.port)
    return [
        (Side.CLIENT, b"\x05\x01\x00"),
        (Side.SERVER, b"\x05\x00"),
        (Side.CLIENT, b"\x05\x01\x00\x01" + place),
        (Side.SERVER, b"\x05\x00\x00\x01" + bytes(6)),
        *steps,
    ]


def through_connect(steps: Sequence[Step], target: Endpoint) -> list[Step]:
    """Put an HTTP CONNECT to *target* (RFC 9110 §9.3.6) before *steps*."""
    asked = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"
    return [
        (Side.CLIENT, asked.encode()),
        (Side.SERVER, b"HTTP/1.1 200 Connection established\r\n\r\n"),
        *steps,
    ]


def associated(
    steps: Sequence[Step], target: Endpoint, *, client: Endpoint = CLIENT, relay: Endpoint = SERVER
) -> list[bytes]:
    """Return a SOCKS5 UDP ASSOCIATE and *steps* as datagrams to *target* and back (RFC 1928 §7)."""
    place = ip_address(relay.address).packed + struct.pack(">H", relay.port)
    control: list[Step] = [
        (Side.CLIENT, b"\x05\x01\x00"),
        (Side.SERVER, b"\x05\x00"),
        (Side.CLIENT, b"\x05\x03\x00\x01" + bytes(6)),
        (Side.SERVER, b"\x05\x00\x00\x01" + place),
    ]
    head = b"\0\0\0\1" + ip_address(target.address).packed + struct.pack(">H", target.port)
    wrapped: list[Step] = [(side, head + data) for side, data in steps if isinstance(data, bytes)]
    proxy = Endpoint(relay.address, 1080)
    return [
        *tcp(control, client=client, server=proxy, close=False),
        *datagrams(wrapped, client=client, server=relay),
    ]
