"""Recorded sessions, altered: for what cannot be made to happen here, such as ESP by itself (these
kernels have none), packets in another order, a Windows client, TCP.
"""

import struct
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from tests import craft

from backchannel.model import Endpoint

CAPTURES = Path(__file__).parent / "captures"
MARKER = bytes(4)


class Datagram(NamedTuple):
    """One datagram of UDP, or one packet of IP protocol 50."""

    time: int
    """Nanoseconds."""
    source: Endpoint
    target: Endpoint
    data: bytes
    plain: bool = False

    @property
    def esp(self) -> bool:
        """Whether it holds ESP."""
        return self.plain or (
            self.source.port != 500 and len(self.data) > 8 and not self.data.startswith(MARKER)
        )


def datagrams(name: str) -> list[Datagram]:
    """Return the IPsec datagrams of a recorded capture, read without the product's own readers."""
    data, at, found = (CAPTURES / name).read_bytes(), 24, []
    assert data[:4] in {b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"}
    scale = 1000 if data[0] == 0xD4 else 1
    while at < len(data):
        seconds, part, size, _ = struct.unpack_from("<IIII", data, at)
        packet = data[at + 16 + 14 : at + 16 + size]
        at += 16 + size
        if packet[0] >> 4 != 4 or packet[9] != 17 or int.from_bytes(packet[6:8]) & 0x3FFF:
            continue
        ends = str(ip_address(packet[12:16])), str(ip_address(packet[16:20]))
        ports = struct.unpack(">HH", packet[20:24])
        if 9 in ports:
            continue
        time = seconds * 1_000_000_000 + part * scale
        made = Endpoint(ends[0], ports[0]), Endpoint(ends[1], ports[1])
        found.append(Datagram(time, *made, packet[28:]))
    return found


def write(path: Path, packets: Iterable[Datagram]) -> Path:
    """Write a capture of nanoseconds."""
    out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 101)]
    for each in packets:
        if each.plain:
            packet = craft.ip(each.source.address, each.target.address, 50, each.data)
        else:
            packet = craft.udp(each.source, each.target, each.data)
        seconds, rest = divmod(each.time, 1_000_000_000)
        out.append(struct.pack("<IIII", seconds, rest, len(packet), len(packet)) + packet)
    path.write_bytes(b"".join(out))
    return path


def plain(packets: Iterable[Datagram]) -> list[Datagram]:
    """Take ESP out of UDP: it goes by itself."""
    return [each._replace(plain=True) if each.esp else each for each in packets]


def without(packets: Iterable[Datagram], drop: Callable[[Datagram], bool]) -> list[Datagram]:
    """Return those that are not dropped."""
    return [each for each in packets if not drop(each)]


def later(packets: Iterable[Datagram], nanoseconds: int, drift: float = 0.0) -> list[Datagram]:
    """Return the same by another clock, which may also run at another speed."""
    packets = list(packets)
    first = packets[0].time
    return [
        each._replace(time=each.time + nanoseconds + int((each.time - first) * drift))
        for each in packets
    ]
