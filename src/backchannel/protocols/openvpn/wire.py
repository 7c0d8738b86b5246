"""OpenVPN's packets. Bytes in, values out; nothing is remembered.

    opcode 5 bits, key number 3 | session id 8 | [wrapping] | acknowledgements | packet id u32 | TLS

    none       nothing
    tls-auth   HMAC 16..64 | replay id u32 | time u32              what follows is in clear
    tls-crypt  replay id u32 | time u32 | tag 32                   what follows is encrypted

Acknowledgements are a count u8, that many packet ids u32, and, if there are any, the session id of
the other side. Data of version 2 has a peer number of 24 bits behind the opcode. All integers are
big-endian; over TCP each packet has its length u16 in front.
"""

from typing import Literal, NamedTuple, TypeAlias

from backchannel.reader import Reader, WireError, u32_at

Wrapping: TypeAlias = Literal["none", "tls-auth", "tls-crypt", "tls-crypt-v2"]


SOFT_RESET, CONTROL, ACK, DATA_V1, DATA_V2, CONTROL_WKC = 3, 4, 5, 6, 9, 11
"""What a packet is, beside the hard resets."""
CLIENT_RESET_V3 = 10
CLIENT_RESETS = frozenset((1, 7, CLIENT_RESET_V3))
SERVER_RESETS = frozenset((2, 8))
HMACS = (20, 32, 64, 16, 28, 48)
"""Sizes of tls-auth's HMAC, the usual first: SHA-1, SHA-256, SHA-512, MD5, SHA-224, SHA-384."""
MOST_ACKS = 8
NO_PEER = 0xFFFFFF
_LAST = CONTROL_WKC
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


_IN_CLEAR = Shape("none"), *(Shape("tls-auth", hmac) for hmac in HMACS)


class Control:
    """A control packet, as far as it is in clear."""

    __slots__ = ("acks", "packet", "payload", "remote")

    def __init__(self) -> None:
        self.acks: tuple[int, ...] = ()
        self.remote = b""
        """The other side's session id, where something is acknowledged."""
        self.packet = -1
        """-1 for acknowledgements alone, and where it is encrypted."""
        self.payload = b""


def opcode_of(data: bytes) -> int:
    """Return the opcode of a packet; 0 where there is no such."""
    octets, code = data, 0
    if data:
        code = octets[0] >> 3
    return code if code <= _LAST else 0


def read_control(data: bytes, shape: Shape) -> Control:
    """Read a control packet; raises WireError for what is none of this *shape*."""
    packet, reader = Control(), Reader(data)
    opcode = reader.u8() >> 3
    reader.skip(8)
    wrapping, hmac = shape
    if wrapping in ("tls-crypt", "tls-crypt-v2"):
        if len(data) <= _CRYPT:
            raise WireError(f"control packet of {len(data)} bytes in tls-crypt")
        return packet
    if wrapping == "tls-auth":
        reader.skip(hmac + _REPLAY)
    count = reader.u8()
    if count > MOST_ACKS:
        raise WireError(f"{count} acknowledgements in one packet")
    if count:
        packet.acks = tuple([reader.u32() for _ in range(count)])
        packet.remote = reader.take(8)
    if opcode == ACK:
        if not count or reader:
            raise WireError("acknowledgement of nothing, or with more behind it")
        return packet
    packet.packet, packet.payload = reader.u32(), reader.rest()
    return packet


def client_reset(data: bytes) -> Shape | None:
    """Return how a client's hard reset is wrapped; None for what is none."""
    if opcode_of(data) not in CLIENT_RESETS or data[0] & 7 or not _session(data):
        return None
    size = len(data)
    if opcode_of(data) == CLIENT_RESET_V3:
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
    for shape in _IN_CLEAR:
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


class Data:
    """A packet of the data channel."""

    __slots__ = ("key", "number", "peer")

    def __init__(self, key: int, peer: int, number: int) -> None:
        """*peer*: the client's number at the server; NO_PEER where there is none. *number*: what
        stands where AEAD ciphers have their packet id; other ciphers have random bytes.
        """
        self.key, self.peer, self.number = key, peer, number


def read_data(data: bytes) -> Data | None:
    """Read a packet of the data channel; None for one that is too short."""
    if len(data) < _SHORTEST_DATA:
        return None
    octets, peer, at = data, NO_PEER, 1
    if octets[0] >> 3 != DATA_V1:
        peer, at = octets[1] << 16 | octets[2] << 8 | octets[3], 4
    return Data(octets[0] & 7, peer, u32_at(data, at))
