"""Handshakes that were not seen to begin: control packets, by what each wrapping leaves in clear.

Amid a handshake all numbers are small, so that their upper 24 bits are zero, and the two sides'
times are those of one moment. One packet is a question; another of its session, or one that the
other side sent at that time, answers it. The same packet again answers nothing: a name server's
answer that came twice would do as well, since its counts and the name's first letters fit.
"""

from typing import NamedTuple

from backchannel.protocols.openvpn.wire import (
    ACK,
    CONTROL,
    CONTROL_WKC,
    HMACS,
    SERVER_RESETS,
    Shape,
    opcode_of,
    read_control,
)
from backchannel.reader import WireError

TOGETHER = 120
"""Seconds that two packets of one handshake may be apart by their senders' clocks."""
_EARLY = 256
"""A handshake's packets are fewer."""
_YEARS = range(0x40000000, 0x90000000)
"""Seconds of 2004 to 2046."""
_AMID = frozenset((CONTROL, ACK, CONTROL_WKC))
_SESSION, _REPLAY, _TAG = slice(1, 9), slice(9, 17), slice(17, 49)
_SHORTEST = 62
"""An acknowledgement in tls-crypt."""
_LONGEST = 2048
"""Bytes of a packet in a stream."""
_FIRST = 66, 72
"""Sizes of a server's reset in tls-crypt, without and with the flags of version 2.6."""
_CRYPT = Shape("tls-crypt")
_IN_CLEAR = Shape("none"), *(Shape("tls-auth", hmac) for hmac in HMACS)


class Joined(NamedTuple):
    """A control packet amid a handshake."""

    shape: Shape
    session: bytes
    time: int = 0
    """Seconds since 1970, where the wrapping tells."""
    remote: bytes = b""
    """The other side's session id, where it is in clear."""
    replay: bytes = b""
    """Replay id and time in tls-crypt, which no other packet of its sender has."""

    def answers(self, other: "Joined") -> bool:
        """Whether the two are of one handshake, each sent by one of its sides."""
        if self.shape != other.shape or abs(self.time - other.time) > TOGETHER:
            return False
        return self.remote in (b"", other.session) and other.remote in (b"", self.session)


def joined(data: bytes) -> Joined | None:
    """Read a control packet amid a handshake; None where nothing tells that it is one."""
    session = data[_SESSION]
    if opcode_of(data) not in _AMID | SERVER_RESETS or data[0] & 7 or len(set(session)) < 4:
        return None
    time = _early(data, _SESSION.stop)
    if time and len(data) >= _SHORTEST and len(set(data[_TAG])) >= 20:
        return Joined(_CRYPT, session, time, replay=data[_REPLAY])
    for shape in _IN_CLEAR:
        time = _early(data, _SESSION.stop + shape.hmac) if shape.hmac else 0
        if (shape.hmac == 0) == (time == 0) and (remote := _acknowledged(data, shape)):
            return Joined(shape, session, time, remote)
    return None


def may_begin(stream: bytes) -> bool:
    """Whether a stream's next packet may begin so, as far as its bytes are there."""
    if not stream or stream[0] > _LONGEST >> 8:
        return not stream
    return len(stream) < 3 or opcode_of(stream[2:3]) > 0


def opens(data: bytes) -> bool:
    """Whether this is a server's reset in tls-crypt: its first packet, of a size that they have."""
    if len(data) not in _FIRST or opcode_of(data) not in SERVER_RESETS:
        return False
    found = joined(data)
    return found is not None and found.shape == _CRYPT and data[9:13] == b"\0\0\0\1"


def _acknowledged(data: bytes, shape: Shape) -> bytes:
    """Return whose packets a packet in clear acknowledges; empty where it is no such packet."""
    try:
        read = read_control(data, shape)
    except WireError:
        return b""
    fits = read.packet < _EARLY and bool(read.payload) == (read.packet > 0)
    if not fits or not read.acks or max(read.acks) >= _EARLY or len(set(read.remote)) < 4:
        return b""
    return read.remote


def _early(data: bytes, at: int) -> int:
    """Return the time behind a small replay id at *at*; 0 where there is none."""
    number = int.from_bytes(data[at : at + 4], "big")
    if not 0 < number & 0xF0FFFFFF < _EARLY:  # version 2.6 may count from 0x0F000000
        return 0
    time = int.from_bytes(data[at + 4 : at + 8], "big")
    return time if time in _YEARS else 0
