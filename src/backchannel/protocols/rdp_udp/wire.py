"""What opens RDP's transport over UDP (MS-RDPEUDP §2.2.2, §3.1.5.1). Bytes in, values out.

    acknowledged u32 | window u16 | flags u16       acknowledged is ffffffff in the first
    number u32 | MTU up u16 | MTU down u16          1132 to 1232 bytes
    [id 16 bytes | 16 zeros]                        flag 0x0800
    [flags u16 | version u16 ...]                   flag 0x1000
    zeros up to the MTU

Integers are big-endian, unlike RDP's own.
"""

from typing import NamedTuple

from backchannel.reader import Reader, WireError

SYN, ACK = 0x0001, 0x0004
_LOSSY, _ID, _VERSION = 0x0200, 0x0800, 0x1000
_NOTHING = 0xFFFFFFFF
_MTU = range(1132, 1233)
_VERSIONS = {1: "1", 2: "2", 0x0101: "3"}


class Opening(NamedTuple):
    """A SYN, or the SYN and ACK that answers it."""

    answer: bool
    acknowledged: int
    number: int
    lossy: bool
    version: str
    """`1`, `2` or `3`, another one's number, or empty where none is said."""


def read_opening(data: bytes) -> Opening | None:
    """Return what a datagram opens; None where it is something else."""
    reader = Reader(data)
    try:
        acknowledged = reader.u32()
        reader.skip(2)
        flags, number = reader.u16(), reader.u32()
        sizes = reader.u16(), reader.u16()
        answer = flags & ~(_LOSSY | _ID | _VERSION) == SYN | ACK
        if not answer and (flags & ~(_LOSSY | _ID | _VERSION) != SYN or acknowledged != _NOTHING):
            return None
        if not all(size in _MTU for size in sizes) or len(data) > max(_MTU):
            return None
        if flags & _ID:
            reader.skip(32)
        valid, version = (reader.u16(), reader.u16()) if flags & _VERSION else (0, 0)
    except WireError:
        return None
    word = _VERSIONS.get(version, f"{version:#06x}") if valid & 1 else ""
    return Opening(answer, acknowledged, number, bool(flags & _LOSSY), word)
