"""OFT on the wire: headers of 256 bytes or more, with file data between them. No memory.

    0  "OFT2" | 4 length u16 | 6 type u16 | 8 cookie 8 | 16 encryption u16 | 18 compression u16
    20 files u16 | 22 files left u16 | 24 parts u16 | 26 parts left u16 | 28 size of all u32
    32 size u32 | 36 modified u32 | 40 checksum u32 | 44 .. resource fork .. | 60 received u32
    64 checksum of what was received u32 | 68 program 32 | 100 flags u8 | 101 name column u8
    102 size column u8 | 103 zeros 69 | 172 Mac file information 16 | 188 charset u16
    190 charset subset u16 | 192 name, 64 bytes or more

Big-endian. "OFT3" has the same layout as far as it is known.
Sources: "On Sending Files via OSCAR" (J. Clark, 2005); libpurple peer.h, oft.c; joscar
rvproto/ft/FileTransferHeader.
"""

import re

import msgspec

from backchannel.protocols.oscar import charsets
from backchannel.reader import Reader, WireError

MAGICS = (b"OFT2", b"OFT3")
FIXED = 192
"""Bytes before the name."""
LONGEST = 2048
"""More than any header: clients allow names of a few hundred bytes."""

PROMPT, RESUME_PROMPT = 0x0101, 0x0106
ACCEPT, DONE, RESUME, RESUME_ACCEPT = 0x0202, 0x0204, 0x0205, 0x0207
LISTING, LISTING_ACCEPT, LISTING_BAD, LISTING_DONE = 0x1108, 0x1209, 0x120A, 0x120B
REQUEST_FILE, REQUEST_FOLDER = 0x120C, 0x120E
OFFERS = frozenset({PROMPT, RESUME_PROMPT, LISTING})
STARTS = frozenset({ACCEPT, RESUME_ACCEPT, LISTING_ACCEPT})
TYPES = OFFERS | STARTS | {DONE, RESUME, LISTING_BAD, LISTING_DONE, REQUEST_FILE, REQUEST_FOLDER}

HEADER = re.compile(
    rb"OFT[23][\x00-\x07].(?:\x01[\x01\x06]|\x02[\x02\x04\x05\x07]|\x11\x08|\x12[\x09-\x0c\x0e])",
    re.DOTALL,
)
"""What a header looks like where it must be found again after a loss."""
LOOK = 8
"""Bytes that `HEADER` reads."""

NOT_COMPUTED = frozenset({0, 0xFFFF0000})
"""Checksums that clients send where they have none."""


class Header(msgspec.Struct, frozen=True):
    """The part of a header that tells something."""

    type: int
    cookie: bytes
    files: int
    files_left: int
    size: int
    checksum: int
    received: int
    received_checksum: int
    program: str
    name_column: int
    size_column: int
    name: str


def size_of(data: bytes) -> int:
    """Return the length of the header that begins with these six bytes or more."""
    size = int.from_bytes(data[4:6])
    if data[:4] not in MAGICS or not FIXED < size <= LONGEST:
        raise WireError(f"not an OFT header: {data[:6].hex()}")
    return size


def read_header(data: bytes) -> Header:
    """Read one whole header; raises WireError where its fields make no sense."""
    reader = Reader(data)
    reader.skip(6)
    kind = reader.u16()
    if kind not in TYPES:
        raise WireError(f"unknown OFT type {kind:04x}")
    cookie = reader.take(8)
    reader.skip(4)
    files, files_left = reader.u16(), reader.u16()
    reader.skip(8)
    size = reader.u32()
    reader.skip(4)
    checksum = reader.u32()
    reader.skip(16)
    received, received_checksum = reader.u32(), reader.u32()
    program = reader.take(32).rstrip(b"\0")
    if program and not (program.isascii() and program.decode().isprintable()):
        raise WireError("program name of an OFT header is not text")
    reader.skip(1)
    columns = reader.u8(), reader.u8()
    reader.skip(85)
    charset = reader.u16()
    reader.skip(2)
    return Header(
        kind,
        cookie,
        files,
        files_left,
        size,
        checksum,
        received,
        received_checksum,
        program.decode(),
        *columns,
        file_name(reader.rest(), charset),
    )


def file_name(data: bytes, charset: int) -> str:
    """Return a declared name with `/` between folders; it is the sender's text, never a path."""
    name = charsets.by_number(data, charset)
    return name.split("\0", 1)[0].replace("\x01", "/")


class Checksum:
    """OFT's checksum over a file that comes in pieces.

    It subtracts 16-bit big-endian words from ffff with end-around borrow: what counts is their sum
    modulo ffff.
    """

    __slots__ = ("_sum",)

    def __init__(self, start: int = 0xFFFF0000) -> None:
        self._sum = -(start >> 16) % 0xFFFF

    def add(self, data: bytes, offset: int) -> None:
        """Count *data*, which stands at *offset* of the file."""
        total, octets, size, at = self._sum, data, len(data), 0
        if offset % 2 and size:  # the second byte of its word
            total += octets[0]
            at = 1
        for high in range(at, size - 1, 2):
            total += octets[high] << 8 | octets[high + 1]
        if (size - at) % 2:
            total += octets[size - 1] << 8
        self._sum = total % 0xFFFF

    def agrees(self, declared: int) -> bool:
        """Whether this is the checksum of what was counted."""
        return (declared >> 16) % 0xFFFF == -self._sum % 0xFFFF
