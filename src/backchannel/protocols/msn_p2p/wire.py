"""P2P packets of MSN Messenger: bytes in, values out, no memory.

    version 1, all little-endian, 48 bytes:
        session u32 | identifier u32 | offset u64 | total u64 | length u32 | flags u32
        | acknowledged identifier u32 | acknowledged unique id u32 | acknowledged size u64
    version 2, all big-endian:
        header length u8 (8, 12 .. 252) | operation u8 | message length u16 | identifier u32 | TLVs
        then, where the message is not empty:
        data header length u8 | TF u8 | package u16 | session u32 | TLVs (1: bytes remaining u64)

Over a switchboard four bytes of application identifier follow each packet; on a direct connection
each is preceded by its length as u32 little-endian. Sources: NINA wiki P2Pv1 and P2Pv2 headers,
libpurple 2.10.9 `p2p.c`, MSNPSharp `P2PHeader.cs`.
"""

import struct

import msgspec

from backchannel.reader import Reader, WireError

V1 = struct.Struct("<IIQQIIIIQ")
FOOTER = 4
MAX_FRAME = 0x20000
"""A frame of version 2 is at most 252 + 65535 bytes; clients send about 1.4 KiB."""

ACK, OBJECT, FILE, HANDSHAKE = 0x02, 0x20, 0x30, 0x100
_KNOWN_FLAGS = 0x010001FF
_NO_DATA = 0x01 | ACK | 0x04 | 0x08 | 0x40 | 0x80
TF_FIRST, TF_OBJECT, TF_FILE = 0x01, 0x04, 0x06
_REMAINING = 1


class Packet(msgspec.Struct, frozen=True):
    """One packet of either version."""

    version: int
    session: int
    """0: the data is MSNSLP."""
    identifier: int
    data: bytes
    flags: int = 0
    """Flags of version 1, TF of version 2."""
    offset: int = 0
    """Version 1 only."""
    total: int = 0
    """Version 1 only: size of the whole message."""
    remaining: int = 0
    """Version 2 only: bytes of the message that come after this packet."""
    first: bool = True
    """True where the packet begins a message."""
    nonce: bytes = b""
    """Of a version 1 handshake."""
    stale: bool = False
    """True where the header announces no data and there is some: its sizes lag one packet behind,
    as libpurple 2.10 writes them."""

    @property
    def carries(self) -> str:
        """What the data is: `slp`, `file`, `object`, `control` or '' for nothing."""
        if not self.data or (self.version == 1 and self.flags & _NO_DATA):
            return ""
        if not self.session:
            return "slp"
        if self.version == 1:
            kind = self.flags & FILE
            return "file" if kind == FILE else "object" if kind == OBJECT else "control"
        kind = self.flags & TF_FILE
        return "file" if kind == TF_FILE else "object" if kind == TF_OBJECT else "control"


def read(body: bytes, footer: int = FOOTER) -> Packet:
    """Read one packet; the last *footer* bytes of *body* are not part of it.

    Raises WireError where *body* is neither version.
    """
    end = len(body) - footer
    for size in dict.fromkeys((end, len(body))):  # some leave the footer of version 2 out
        if _is_v2(body, size):
            return _read_v2(Reader(body, 0, size))
    return _read_v1(body, end)


def _is_v2(body: bytes, end: int) -> bool:
    if end < 8 or body[0] < 8 or body[0] & 3 or body[1] > 3:
        return False
    size = body[0] + int.from_bytes(body[2:4])
    return size == end and (end < V1.size or not _fits_v1(body, end))


def _fits_v1(body: bytes, end: int) -> bool:
    offset, total, length, flags = V1.unpack_from(body)[2:6]
    whole = bool(V1.size + length == end and offset + length <= max(total, length))
    return whole and not flags & ~_KNOWN_FLAGS


def _read_v1(body: bytes, end: int) -> Packet:
    if end < V1.size:
        raise WireError(f"{max(end, 0)} bytes are too few for a P2P header")
    session, identifier, offset, total, length, flags, *_ = V1.unpack_from(body)
    if flags & ~_KNOWN_FLAGS:
        raise WireError(f"unknown P2P flags {flags:#x}")
    nonce = body[32:48] if flags & HANDSHAKE else b""
    # A stale length is too small or too great: what is there counts.
    data = body[V1.size : V1.size + length] if length else body[V1.size : end]
    data = data[: end - V1.size]
    if data and not flags & _NO_DATA and offset >= max(total, 1):
        raise WireError(f"P2P chunk at {offset} of a message of {total} bytes")
    stale = bool(data) and not length
    return Packet(1, session, identifier, data, flags, offset, total, 0, not offset, nonce, stale)


def _read_v2(reader: Reader) -> Packet:
    size, _, length = reader.u8(), reader.u8(), reader.u16()
    identifier = reader.u32()
    reader.skip(size - 8)
    if not length:
        return Packet(2, 0, identifier, b"")
    body = reader.sub(length)
    header, flags, _, session = body.u8(), body.u8(), body.u16(), body.u32()
    if header < 8:
        raise WireError(f"a P2P data header of {header} bytes")
    remaining = _remaining(body.sub(header - 8))
    first = bool(flags & TF_FIRST)
    return Packet(2, session, identifier, body.rest(), flags, 0, 0, remaining, first)


def _remaining(tlvs: Reader) -> int:
    while len(tlvs) >= 2 and (kind := tlvs.u8()):
        value = tlvs.take(tlvs.u8())
        if kind == _REMAINING:
            return int.from_bytes(value[:8])
    return 0


def take_frame(buffer: bytearray) -> bytes | None:
    """Cut one whole frame of a direct connection off *buffer*; None means "need more".

    Raises WireError where the length is beyond MAX_FRAME.
    """
    if len(buffer) < 4:
        return None
    size = int.from_bytes(buffer[:4], "little")
    if size > MAX_FRAME:
        raise WireError(f"a direct connection's frame of {size} bytes")
    if len(buffer) < 4 + size:
        return None
    frame = bytes(buffer[4 : 4 + size])
    del buffer[: 4 + size]
    return frame


def length_of(data: bytes) -> bytes:
    """Return the length that went before the sound version 1 data at the beginning of *data*, as a
    client sends it that writes it by itself; b"" where there is no such data.
    """
    if len(data) < V1.size:
        return b""
    length = int.from_bytes(data[24:28], "little")
    if not 0 < length <= MAX_FRAME - V1.size:  # as of nearly all that is none
        return b""
    before = (V1.size + length).to_bytes(4, "little")
    return before if plausible(before + data[: V1.size]) else b""


def shakes(data: bytes) -> bool:
    """Whether *data* begins with the frame of a version 1 handshake: all zeros but its identifier,
    its flag, and the nonce.
    """
    return data[12:32] == bytes(20) and data[32:36] == HANDSHAKE.to_bytes(4, "little")


def plausible(data: bytes) -> bool:
    """Whether *data* begins with a frame that holds a sound version 1 packet (mid-stream)."""
    if len(data) < 4 + V1.size:
        return False
    size = int.from_bytes(data[:4], "little")
    if not V1.size <= size <= MAX_FRAME:
        return False
    session, identifier, offset, total, length, flags, _, _, acked = V1.unpack_from(data, 4)
    if flags & ~_KNOWN_FLAGS or not identifier:
        return False
    if flags & ACK:
        return size == V1.size and not length and 0 < acked < 1 << 40
    if flags & ~0x01000030 or acked or V1.size + length != size:
        return False
    return bool(session or length) and 0 < length <= total < 1 << 40 and offset + length <= total
