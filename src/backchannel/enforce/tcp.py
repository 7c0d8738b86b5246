"""TCP's flags, and its sequence numbers, which go round (RFC 9293 §3.1, §3.4)."""

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
MASK = 0xFFFFFFFF


def ahead(one: int, other: int) -> int:
    """Return how far sequence number *one* is ahead of *other*; below 0: behind."""
    return ((one - other + 0x80000000) & MASK) - 0x80000000


def after(begin: int, length: int) -> int:
    """Return the sequence number *length* bytes after *begin*."""
    return (begin + length) & MASK
