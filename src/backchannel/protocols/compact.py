"""Addresses as BitTorrent packs them: IPv4 or IPv6, then port, both big-endian, one after another.

BEP 5, 11, 23 and 32.
"""

from functools import lru_cache
from ipaddress import IPv6Address

V4, V6 = 6, 18
"""Bytes of one address with its port."""


def addresses(packed: bytes, size: int = V4, most: int = 1024) -> list[tuple[str, int]]:
    """Return the addresses and ports in *packed*, V4 or V6 bytes each, at most *most*. What is left
    at its end, and entries without address or port, name nobody.
    """
    found = []
    for at in range(0, min(len(packed), most * size) - size + 1, size):
        port = packed[at + size - 2] << 8 | packed[at + size - 1]
        octets = packed[at : at + size - 2]
        if port and any(octets):
            found.append((text(octets), port))
    return found


@lru_cache(maxsize=1024)  # peers tell the same ones again and again
def text(octets: bytes) -> str:
    """Return four or sixteen bytes as an address; empty for any other number of them."""
    if len(octets) == V4 - 2:
        first, second, third, fourth = octets
        return f"{first}.{second}.{third}.{fourth}"
    return str(IPv6Address(octets)) if len(octets) == V6 - 2 else ""
