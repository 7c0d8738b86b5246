"""ODC on the wire: a header of 76 bytes, and as many bytes of payload as it tells. No memory.

    0 "ODC2" | 4 length u16 | 6 type u16 = 1 | 8 subtype u16 = 6 | 10 0 u16 | 12 cookie 8
    20 zeros 8 | 28 payload length u32 | 32 charset u16 | 34 charset subset u16 | 36 u16
    38 flags u16 | 40 zeros 4 | 44 sender's name 32 | payload

    payload: HTML, then <BINARY> (<DATA ID="n" SIZE="bytes"> bytes </DATA>)* </BINARY>

Sources: libpurple odc.c, peer.h; joscar rvproto/directim/DirectImHeader.
"""

import re

import msgspec

from backchannel.reader import Reader, WireError
from backchannel.text import decode

MAGIC = b"ODC2"
SIZE = 76
AUTO_RESPONSE, TYPING_FRAME, TYPING = 0x01, 0x02, 0x08

HEADER = re.compile(rb"ODC2\x00[\x4c-\xff]\x00\x01\x00\x06", re.DOTALL)
"""What a header looks like where it must be found again after a loss."""
ZEROS = bytes(8)
CONTROLS = re.compile(rb"[\x00-\x1f]")
LOOK = 10
"""Bytes that `HEADER` reads."""


class Header(msgspec.Struct, frozen=True):
    """One header."""

    cookie: bytes
    size: int
    """Bytes of payload that follow."""
    charset: int
    flags: int
    name: str


def size_of(data: bytes) -> int:
    """Return the length of the header that begins with these six bytes or more."""
    size = int.from_bytes(data[4:6])
    if data[:4] != MAGIC or not SIZE <= size < 256:
        raise WireError(f"not an ODC header: {data[:6].hex()}")
    return size


def read_header(data: bytes) -> Header:
    """Read one whole header; raises WireError where its fields make no sense."""
    reader = Reader(data)
    reader.skip(6)
    if reader.u32() != 0x00010006:
        raise WireError("unknown ODC type")
    reader.skip(2)
    cookie = reader.take(8)
    if reader.take(8) != ZEROS:
        raise WireError("ODC header without its zeros")
    size, charset = reader.u32(), reader.u16()
    reader.skip(4)
    flags = reader.u16()
    reader.skip(4)
    name = reader.take(32).split(b"\0", 1)[0]
    if CONTROLS.search(name):
        raise WireError("name in an ODC header is not text")
    return Header(cookie, size, charset, flags, decode(name))
