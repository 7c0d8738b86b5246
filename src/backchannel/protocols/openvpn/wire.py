"""OpenVPN's packets. Bytes in, values out; nothing is remembered.

    opcode 5 bits, key number 3 | session id 8 | [wrapping] | acknowledgements | packet id u32 | TLS

    none       nothing
    tls-auth   HMAC 16..64 | replay id u32 | time u32              what follows is in clear
    tls-crypt  replay id u32 | time u32 | tag 32                   what follows is encrypted

Acknowledgements are a count u8, that many packet ids u32, and, if there are any, the session id of
the other side. Data of version 2 has a peer number of 24 bits behind the opcode. All integers are
big-endian; over TCP each packet has its length u16 in front.
"""

from enum import IntEnum
from typing import Literal, NamedTuple, TypeAlias

from backchannel.reader import Reader, WireError

Wrapping: TypeAlias = Literal["none", "tls-auth", "tls-crypt", "tls-crypt-v2"]


class Opcode(IntEnum):
    """What a packet is."""

    CLIENT_RESET_V1 = 1
    SERVER_RESET_V1 = 2
    SOFT_RESET = 3
    CONTROL = 4
    ACK = 5
    DATA_V1 = 6
    CLIENT_RESET_V2 = 7
    SERVER_RESET_V2 = 8
    DATA_V2 = 9
    CLIENT_RESET_V3 = 10
    CONTROL_WKC = 11


CLIENT_RESETS = frozenset((Opcode.CLIENT_RESET_V1, Opcode.CLIENT_RESET_V2, Opcode.CLIENT_RESET_V3))
SERVER_RESETS = frozenset((Opcode.SERVER_RESET_V1, Opcode.SERVER_RESET_V2))
DATA = frozenset((Opcode.DATA_V1, Opcode.DATA_V2))
HMACS = (20, 32, 64, 16, 28, 48)
"""Sizes of tls-auth's HMAC, the usual first: SHA-1, SHA-256, SHA-512, MD5, SHA-224, SHA-384."""
MOST_ACKS = 8
NO_PEER = 0xFFFFFF
_KNOWN = frozenset(Opcode)
_OPENING = 1 + 8
_REPLAY = 8
_TAG = 32
_CRYPT = _OPENING + _REPLAY + _TAG
_BODY = 5
"""A reset's body: no acknowledgement, packet id 0."""
_SHORTEST_DATA = 1 + 4 + 16
_FIRST_IDS = 16
"""A side's first packets have replay ids below this; some programs count from another high half."""
_YEARS = range(0x40000000, 0x90000000)
"""Seconds of 2004 to 2046."""
_LEAST = 4


class Shape(NamedTuple):
    """How the control packets of a flow are wrapped."""

    wrapping: Wrapping
    hmac: int = 0
    """Bytes of tls-auth's HMAC."""


class Control(NamedTuple):
    """A control packet, as far as it is in clear."""

    opcode: int
    key: int
    session: bytes
    acks: tuple[int, ...] = ()
    remote: bytes = b""
    """The other side's session id, where something is acknowledged."""
    packet: int = -1
    """-1 for acknowledgements alone, and where it is encrypted."""
    payload: bytes = b""


def opcode_of(data: bytes) -> int:
    """Return the opcode of a packet; 0 where there is no such."""
    code = data[0] >> 3 if data else 0
    return code if code in _KNOWN else 0


def read_control(data: bytes, shape: Shape) -> Control:
    """Read a control packet; raises WireError for what is none of this *shape*."""
    reader = Reader(data)
    first = reader.u8()
    opcode, key, session = first >> 3, first & 7, reader.take(8)
    if shape.wrapping in ("tls-crypt", "tls-crypt-v2"):
        if len(data) <= _CRYPT:
            raise WireError(f"control packet of {len(data)} bytes in tls-crypt")
        return Control(opcode, key, session)
    if shape.wrapping == "tls-auth":
        reader.skip(shape.hmac + _REPLAY)
    count = reader.u8()
    if count > MOST_ACKS:
        raise WireError(f"{count} acknowledgements in one packet")
    acks = tuple(reader.u32() for _ in range(count))
    remote = reader.take(8) if count else b""
    if opcode == Opcode.ACK:
        if not count or reader:
            raise WireError("acknowledgement of nothing, or with more behind it")
        return Control(opcode, key, session, acks, remote)
    return Control(opcode, key, session, acks, remote, reader.u32(), reader.rest())


def client_reset(data: bytes) -> Shape | None:
    """Return how a client's hard reset is wrapped; None for what is none."""
    if opcode_of(data) not in CLIENT_RESETS or data[0] & 7 or not _session(data):
        return None
    size = len(data)
    if opcode_of(data) == Opcode.CLIENT_RESET_V3:
        return Shape("tls-crypt-v2") if _wrapped_key(data) else None
    if size == _OPENING + _BODY:
        return None if any(data[_OPENING:]) else Shape("none")
    for hmac in HMACS:
        at = _OPENING + hmac
        if size == at + _REPLAY + _BODY and _replay(data, at) and not any(data[-_BODY:]):
            return Shape("tls-auth", hmac)
    if size == _CRYPT + _BODY and _replay(data, _OPENING):
        return Shape("tls-crypt")
    return None


def _wrapped_key(data: bytes) -> bool:
    """Whether a version 3 reset ends with the client's key, which ends with its own length."""
    key = int.from_bytes(data[-2:], "big")
    return key > _TAG + 256 and len(data) == _CRYPT + _BODY + key and _replay(data, _OPENING)


def server_reset(data: bytes) -> tuple[Shape, bytes] | None:
    """Return how a server's hard reset is wrapped and whose session it answers; None for none."""
    if opcode_of(data) not in SERVER_RESETS or data[0] & 7 or not _session(data):
        return None
    for shape in (Shape("none"), *(Shape("tls-auth", hmac) for hmac in HMACS)):
        if shape.hmac and not _replay(data, _OPENING + shape.hmac):
            continue
        try:
            read = read_control(data, shape)
        except WireError:
            continue
        if read.acks == (0,) and read.packet == 0 and len(read.payload) <= _OPENING:
            return shape, read.remote
    if len(data) >= _CRYPT + _BODY + 12 and _replay(data, _OPENING):
        return Shape("tls-crypt"), b""
    return None


def _session(data: bytes) -> bool:
    return len(data) >= _OPENING + _BODY and len(set(data[1:_OPENING])) >= _LEAST


def _replay(data: bytes, at: int) -> bool:
    """Whether a replay id of a first packet and a time stand at *at*."""
    number = int.from_bytes(data[at : at + 4], "big")
    time = int.from_bytes(data[at + 4 : at + 8], "big")
    return 0 < number & 0xFFFF < _FIRST_IDS and not number >> 28 and time in _YEARS


class Data(NamedTuple):
    """A packet of the data channel."""

    key: int
    peer: int
    """The client's number at the server; NO_PEER where there is none."""
    number: int
    """What stands where AEAD ciphers have their packet id; other ciphers have random bytes."""


def read_data(data: bytes) -> Data | None:
    """Read a packet of the data channel; None for one that is too short."""
    if len(data) < _SHORTEST_DATA:
        return None
    key = data[0] & 7
    if data[0] >> 3 == Opcode.DATA_V1:
        return Data(key, NO_PEER, int.from_bytes(data[1:5], "big"))
    return Data(key, int.from_bytes(data[1:4], "big"), int.from_bytes(data[4:8], "big"))
