"""How a packet was framed where it was seen: what an answer into the same wire needs.

Facts: IEEE 802.3 and 802.1Q (addresses, tags); the pcap link types 1, 101, 113 and 276.
"""

import struct

import msgspec

ETHERNET, RAW, COOKED, COOKED2 = 1, 101, 113, 276
TAGS = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})
IP_TYPES = frozenset({0x0800, 0x86DD})
ADDRESSES, TYPE, TAG = 12, 2, 4
MOST_TAGS = 2


class Framed(msgspec.Struct, frozen=True):
    """An IP packet, and what stood around it."""

    packet: bytes
    """From its IP header to its end, padding of the frame left out."""
    tags: bytes = b""
    """VLAN tags, four bytes each, outermost first."""
    target: bytes = b""
    """Ethernet address it was sent to; empty where the link has none or does not tell."""
    source: bytes = b""
    """Ethernet address of whoever handed it on."""
    missing: int = 0
    """Bytes at its end that were not captured."""

    @property
    def vlans(self) -> tuple[int, ...]:
        """The ids of its VLANs, outermost first."""
        numbers = struct.unpack(f">{len(self.tags) // 2}H", self.tags)
        return tuple(number & 0xFFF for number in numbers[1::2])


def framed(link: int, frame: bytes) -> Framed | None:
    """Return the IP packet in *frame*; None where it is inside a tunnel, or no whole IP header."""
    source = target = b""
    if link == RAW:
        return _cut(frame, b"", b"", b"")
    if link == ETHERNET:
        at, kind = ADDRESSES + TYPE, frame[ADDRESSES : ADDRESSES + TYPE]
        target, source = frame[:6], frame[6:12]
    elif link == COOKED:
        at, kind = 16, frame[14:16]
    elif link == COOKED2:
        at, kind = 20, frame[:2]
    else:
        return None
    tags = b""
    while int.from_bytes(kind, "big") in TAGS and len(tags) < MOST_TAGS * TAG:
        tags += kind + frame[at : at + 2]
        kind, at = frame[at + 2 : at + 4], at + TAG
    if int.from_bytes(kind, "big") not in IP_TYPES or len(tags) % TAG:
        return None
    return _cut(frame[at:], tags, target, source)


def _cut(data: bytes, tags: bytes, target: bytes, source: bytes) -> Framed | None:
    """Return the packet without what follows it, if its fixed header is there."""
    if len(data) >= 20 and data[0] >> 4 == 4:
        size = int.from_bytes(data[2:4], "big") or len(data)  # 0: cut up by the card later (TSO)
    elif len(data) >= 40 and data[0] >> 4 == 6:
        size = 40 + int.from_bytes(data[4:6], "big")
        size = size if size > 40 else len(data)
    else:
        return None
    return Framed(data[:size], tags, target, source, max(0, size - len(data)))
