"""RDP's transport over UDP: what opens it, and its data (MS-RDPEUDP §2.2, §3.1.5.1). Bytes in,
values out.

    acknowledged u32 | window u16 | flags u16       acknowledged is ffffffff in the first
    number u32 | MTU up u16 | MTU down u16          1132 to 1232 bytes
    [id 16 bytes | 16 zeros]                        flag 0x0800
    [flags u16 | version u16 ...]                   flag 0x1000
    zeros up to the MTU

    acknowledged u32 | window u16 | flags u16       data that acknowledges, versions 1 and 2
    size u16 | so many bytes, filled up to whole words
    number u32 | the same number | TLS or DTLS      two numbers, equal without error correction

Integers are big-endian, unlike RDP's own.
"""

from typing import NamedTuple

from backchannel.reader import Reader, WireError

SYN, ACK, DATA = 0x0001, 0x0004, 0x0008
_LOSSY, _ID, _VERSION = 0x0200, 0x0800, 0x1000
_NOTHING = 0xFFFFFFFF
_MTU = range(1132, 1233)
_CONGESTION = 0x0460
"""Flags that data may have besides: of congestion, and of an acknowledgement that was delayed."""
_LARGEST = (1 << 14) + (1 << 11)
"""Bytes of a TLS record at most."""
_FULL = 1000
"""Bytes of a datagram that goes on in the next."""
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


class Data(NamedTuple):
    """A packet amid a transport."""

    acknowledged: int
    number: int
    lossy: bool


def read_data(data: bytes) -> Data | None:
    """Return what is sent amid a transport, if TLS or DTLS begins in it; None for all else."""
    if len(data) >= _MTU.stop:
        return None
    reader = Reader(data)
    try:
        acknowledged = reader.u32()
        reader.skip(2)
        if reader.u16() & ~_CONGESTION != DATA | ACK:
            return None
        size = reader.u16()
        reader.skip(size + -(size + 2) % 4)
        number = reader.u32()
        if reader.u32() != number:
            return None
        lossy = _sealed(reader, whole=len(data) < _FULL)
    except WireError:
        return None
    return Data(acknowledged, number, lossy)


def _sealed(reader: Reader, *, whole: bool) -> bool:
    """Pass over records to the end; say whether they are DTLS. Unless *whole*, the last one may be
    longer. Raises WireError for what is neither.
    """
    lossy = reader.peek(2)[1:] == b"\xfe"
    while True:
        kind, version = reader.u8(), reader.u16()
        if lossy:
            reader.skip(8)
        size = reader.u16()
        known = version in (0xFEFF, 0xFEFD) if lossy else 0x0301 <= version <= 0x0303
        if kind not in range(20, 24) or not known or not 0 < size <= _LARGEST:
            raise WireError("no TLS")
        if size > len(reader) and not whole:
            return lossy
        reader.skip(size)
        if not reader:
            return lossy
