"""How WhatsApp's chat connection begins. Bytes in, values out.

opening     [ED 00 01 | length u24 | routing hint] "WA" | version u8 | dictionary u8
frame       length u24 | body                       versions from 2 on: Noise
hello       2: {1: ephemeral key, 32 bytes; 2: static key; 3: payload}    the client's, protobuf
            3: {1: ephemeral key, 32 bytes; 2: static key; 3: payload}    the server's
frame       flags 4 bits | length 20 bits | body    version 1: FunXMPP, see `funxmpp`
"""

import msgspec

from backchannel.reader import Reader, WireError, cut_buffer

_ROUTED = b"ED\0\x01"
_W, _A = b"WA"
NOISE = range(2, 16)
FUNXMPP = 1
_KEY, _TAG = 32, 16
"""Bytes of a Curve25519 key, and of what AES-GCM adds to a text."""
_SEALED = _KEY + _TAG
_EPHEMERAL = bytes((1 << 3 | 2, _KEY))
_BEFORE_KEY = 3 + 1 + 3 + 2
"""Bytes of a frame before the ephemeral key, at most."""
FINISH = 6 + _SEALED + _TAG
"""Bytes of what ends a client's handshake, at least (ClientFinish): a sealed key, the tag of what
is sealed behind it, and the two bytes that each begins with, and both together."""
MOST_ROUTING = 1024
MOST = 1 << 16
"""Bytes of a frame that may come before both sides are encrypted (Noise §3: 65,535)."""
ENCRYPTED = 0x8
CLIENT, SERVER = 2, 3
"""Numbers of the fields that hold each side's hello."""


class Opening(msgspec.Struct, frozen=True):
    """What the client begins with."""

    version: int
    dictionary: int
    size: int
    """Bytes that it takes."""


class Hello(msgspec.Struct, frozen=True):
    """One side's part of the Noise handshake."""

    static: bool
    """Whether it carries the long-lived key, encrypted."""


def read_opening(data: bytes) -> Opening | None:
    """Read the beginning of *data*; None: "need more". Raises WireError where it is none."""
    at, have = 0, len(data)
    if data.startswith(_ROUTED) if have >= len(_ROUTED) else _ROUTED.startswith(data):
        if have < 7:
            return None
        size = data[4] << 16 | data[5] << 8 | data[6]
        if size > MOST_ROUTING:
            raise WireError(f"routing hint of {size} bytes")
        at = 7 + size
    if (have > at and data[at] != _W) or (have > at + 1 and data[at + 1] != _A):
        raise WireError("neither WA nor ED")
    if have < at + 4:
        return None
    version, dictionary = data[at + 2], data[at + 3]
    if not 0 < version < 16 or dictionary > 15:
        raise WireError(f"version {version}.{dictionary}")
    return Opening(version, dictionary, at + 4)


def take_frame(buffer: bytearray, version: int) -> tuple[int, bytes] | None:
    """Cut a frame off *buffer* and return its flags and body; None: "need more"."""
    if len(buffer) < 3:
        return None
    flags, size = 0, buffer[0] << 16 | buffer[1] << 8 | buffer[2]
    if version == FUNXMPP:
        flags, size = size >> 20, size & 0xFFFFF
    if not 0 < size <= MOST:
        raise WireError(f"frame of {size} bytes")
    if len(buffer) < 3 + size:
        return None
    body = cut_buffer(buffer, 3, 3 + size)
    del buffer[: 3 + size]
    return flags, body


def read_hello(body: bytes, field: int) -> Hello:
    """Read the hello in *field*. Raises WireError where *body* is anything else."""
    inner = _inside(Reader(body), field)
    inner.skip(_KEY)
    static = False
    while inner:
        tag = inner.u8()
        if tag == 2 << 3 | 2:
            static = True
            if (size := _varint(inner)) != _SEALED:
                raise WireError(f"static key of {size} bytes")
            inner.skip(size)
        elif tag & 7 == 2:
            inner.skip(_varint(inner))
        elif tag & 7 == 0:
            _varint(inner)
        else:
            raise WireError(f"field {tag:02x} in a hello")
    return Hello(static)


def begins_hello(data: bytes, field: int) -> bool | None:
    """Say whether *data* begins with a frame that holds the hello in *field*; None: "need more"."""
    if len(data) < _BEFORE_KEY:
        return None
    frame = Reader(data)
    end = 3 + min(frame.u24(), MOST)
    if frame.u8() != field << 3 | 2:
        return False
    try:
        size = _varint(frame)
    except WireError:
        return False
    at = frame.offset
    return at + size == end and size >= 2 + _KEY and data.startswith(_EPHEMERAL, at)


def _inside(whole: Reader, field: int) -> Reader:
    """Return what is inside the hello in *field*, up to the ephemeral key's bytes."""
    if whole.u8() != field << 3 | 2:
        raise WireError("not this side's hello")
    inner = whole.sub(_varint(whole))
    if whole:
        raise WireError("bytes behind a hello")
    if inner.take(2) != _EPHEMERAL or len(inner) < _KEY:
        raise WireError("no ephemeral key")
    return inner


def _varint(reader: Reader) -> int:
    """Read a protobuf number of at most three bytes."""
    value = 0
    for shift in (0, 7, 14):
        octet = reader.u8()
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value
    raise WireError("number of more than three bytes")
