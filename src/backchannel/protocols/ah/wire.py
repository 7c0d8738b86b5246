"""AH on the wire (RFC 4302 §2). Bytes in, values out.

next header u8 | length u8, in 4-byte words less 2 | reserved u16, zero | SPI u32 |
sequence u32 | ICV, 12 bytes or more | the protected packet, in clear
"""

import msgspec

PROTOCOLS = {
    1: "icmp",
    2: "igmp",
    4: "ipv4",
    6: "tcp",
    17: "udp",
    41: "ipv6",
    43: "ipv6-route",
    44: "ipv6-fragment",
    47: "gre",
    50: "esp",
    58: "icmpv6",
    59: "none",
    60: "ipv6-options",
    88: "eigrp",
    89: "ospf",
    103: "pim",
    108: "ipcomp",
    112: "vrrp",
    115: "l2tp",
    132: "sctp",
}
SHORTEST = 12 + 8
LONGEST = 12 + 64
"""Header and the longest ICV in use: 64 bytes, a whole SHA-512."""


class Header(msgspec.Struct, frozen=True):
    """What an AH header says."""

    inside: int
    spi: bytes
    sequence: int
    size: int
    """Bytes of AH in front of the protected packet."""


def read_header(packet: bytes) -> Header | None:
    """Return the header of *packet*; None where it cannot be AH."""
    if len(packet) < SHORTEST or packet[2:4] != b"\0\0" or packet[4:8] == bytes(4):
        return None
    size = (packet[1] + 2) * 4
    if not SHORTEST <= size <= min(LONGEST, len(packet)):
        return None
    return Header(packet[0], packet[4:8], int.from_bytes(packet[8:12], "big"), size)


def looks_like(packet: bytes) -> bool:
    """Say whether *packet* is AH, as far as one packet tells."""
    header = read_header(packet)
    return header is not None and header.inside in PROTOCOLS
