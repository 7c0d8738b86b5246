"""WireGuard's four messages and disco's frame. Bytes in, values out; nothing is remembered.

    1 initiation   type u8 | reserved 3 | sender u32 | key 32 | 48 | 28 | mac1 16 | mac2 16    148
    2 response     type | reserved | sender | receiver u32 | key 32 | 16 | mac1 | mac2          92
    3 cookie       type | reserved | receiver | nonce 24 | cookie 32                            64
    4 data         type | reserved | receiver | counter u64 | packet, padded | tag 16           32..
    disco          "TS" and a speech bubble, 6 | key 32 | nonce 24 | box

Integers are little-endian. The packet inside is padded to a multiple of 16 bytes, but not beyond
the MTU of the tunnel. An index is a random number by which its owner knows one handshake.
"""

from typing import TypeAlias

from backchannel.reader import cut

INITIATION, RESPONSE, COOKIE, DATA = 1, 2, 3, 4
KEEPALIVE = 32
"""Size of data with nothing inside."""
DISCO = b"TS\xf0\x9f\x92\xac"
PLAIN = bytes(3)
"""The reserved bytes as they should be."""
_SIZES = {148: INITIATION, 92: RESPONSE, 64: COOKIE}
_WHOLE = {INITIATION: 148, RESPONSE: 92}
_RESPONSE_KEY = 12 + 32
"""Where the key of a response ends, and that of an initiation has ended."""
_NO_COOKIE = bytes(16)
_FULL = 512
"""Data of this size may be as large as the MTU allows, and then it is not padded."""
_KEY, _LEAST = 32, 18
_TAG, _TAG_LEAST = 16, 8
_DISCO_SHORTEST = 6 + 32 + 24 + 16 + 2


class Message:
    """One message of WireGuard."""

    __slots__ = ("bare", "counter", "is_cut", "kind", "receiver", "reserved", "sender", "size")

    def __init__(self, kind: int, reserved: bytes, sender: int, receiver: int) -> None:
        self.kind, self.reserved = kind, reserved
        self.sender = sender
        """The index that its sender has chosen; only in handshakes."""
        self.receiver = receiver
        """The index that its receiver had chosen; not in initiations."""
        self.counter = self.size = 0
        """Of data."""
        self.bare = False
        """Handshakes: the second code is zero, as long as the receiver asked for no cookie."""
        self.is_cut = False
        """Handshakes: the end was not captured."""


class Disco:
    """One message of path discovery: all but the sender's key is encrypted."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key
        """In hexadecimal; it names a node for as long as its program runs."""


Read: TypeAlias = Message | Disco | None


def read(data: bytes, cut_short: bool = False) -> Read:
    """Read one datagram; None for what cannot be either. A handshake may be cut by the snap length
    behind its key; data too, where *cut_short*.
    """
    size = len(data)
    if size < KEEPALIVE:
        return None
    kind = data[0]
    if kind == DATA and (not size & 15 or size > _FULL or cut_short):
        return _data(data)
    if kind == _SIZES.get(size) or _RESPONSE_KEY <= size < _WHOLE.get(kind, 0):
        return _handshake(data, kind)
    if data[:6] == DISCO and size >= _DISCO_SHORTEST and varied(data[6:38], _LEAST):
        return Disco(data[6:38].hex())
    return None


def _data(data: bytes) -> Message | None:
    """Read data whose counter is below 2^32: keys are replaced after two minutes."""
    counter, more = _u32(data, 8), _u32(data, 12)
    if more or not varied(cut(data, 16, 32), _TAG_LEAST):
        return None
    message = Message(DATA, cut(data, 1, 4), 0, _u32(data, 4))
    message.counter, message.size = counter, len(data)
    return message


def _handshake(data: bytes, kind: int) -> Message | None:
    if kind == COOKIE:
        fits = varied(data[8:40], _LEAST)
        return Message(COOKIE, data[1:4], 0, _u32(data, 4)) if fits else None
    key = 8 if kind == INITIATION else 12
    if not varied(data[key : key + _KEY], _LEAST):
        return None
    is_cut = len(data) < _WHOLE[kind]
    if is_cut and data[1:4] != PLAIN:
        return None
    receiver = 0 if kind == INITIATION else _u32(data, 8)
    message = Message(kind, data[1:4], _u32(data, 4), receiver)
    message.is_cut = is_cut
    message.bare = not is_cut and data[-16:] == _NO_COOKIE
    return message


def varied(data: bytes, least: int) -> bool:
    """Say whether *data* has as many different bytes as keys and ciphertext have."""
    return len(set(data)) >= least


def _u32(octets: bytes, at: int) -> int:
    """Return the four bytes at *at*, which are there."""
    high, low = octets[at + 2] | octets[at + 3] << 8, octets[at] | octets[at + 1] << 8
    return high << 16 | low


def index(number: int) -> str:
    """Return an index as eight hexadecimal digits."""
    return f"{number:08x}"
