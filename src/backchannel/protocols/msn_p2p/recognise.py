"""Whether a flow's first bytes are a direct connection of MSN Messenger."""

from backchannel.model import MORE, Claim, More, Side
from backchannel.protocols import Peek
from backchannel.protocols.msn_p2p import slp, wire

_CLIENT, _SERVER = Side
_FOO = b"\x04\x00\x00\x00foo\x00"
_V1_HANDSHAKE = b"\x30\x00\x00\x00"
_V2_HANDSHAKE = b"\x10\x00\x00\x00"
_FRAME = 4 + wire.V1.size
_SLP = slp.LETTERS


def recognise(peek: Peek) -> Claim | More | None:
    """Claim the `foo` of the caller, a handshake's answer, or a sound packet amid the stream."""
    if peek.transport != "tcp":
        return None
    waiting = foreign = False
    for side, data in ((_CLIENT, peek.client), (_SERVER, peek.server)):
        answer = _side(data, peek.begun)
        if isinstance(answer, str):
            flipped = not peek.begun and side is _SERVER and answer.startswith("foo")
            return Claim("msn-p2p", evidence=answer, flipped=flipped)
        waiting = waiting or answer is MORE
        foreign = foreign or (answer is None and data != b"")
    return MORE if waiting and not foreign else None


def _side(data: bytes, begun: bool) -> str | More | None:
    if not data:
        return None
    first = data[0]
    if first == _FOO[0]:
        head = data[: len(_FOO)]
        if head == _FOO[: len(head)]:
            return _after_foo(data[len(_FOO) :], len(head) == len(_FOO))
    if (
        first == _V1_HANDSHAKE[0]
        and data[:4] == _V1_HANDSHAKE[: len(data)]
        and not any(data[12:32])
    ):
        if len(data) < _FRAME:
            return MORE
        if wire.shakes(data):
            return "handshake packet with its nonce"
    return None if begun else _amid(data)


def _amid(data: bytes) -> str | More | None:
    """Judge a side whose beginning was not seen."""
    if wire.plausible(data):
        text = data[_FRAME : _FRAME + 16]
        slp_text = len(text) > 0 and text[0] in _SLP and slp.starts(text)
        return "MSNSLP behind a P2P header" if slp_text else "well-formed P2P packet"
    if wire.length_of(data):
        return "well-formed P2P packet"
    return MORE if len(data) < _FRAME and _may_begin(data) else None


def _may_begin(data: bytes) -> bool:
    """Whether these may begin a frame, or a header whose length was sent alone."""
    size = int.from_bytes(data[:4], "little")
    framed = wire.V1.size <= size <= wire.MAX_FRAME if len(data) >= 4 else not any(data[2:])
    if framed and not any(data[16:20]) and not any(data[24:28]):
        return True
    return not any(data[12:16]) and not any(data[20:24])


def _after_foo(rest: bytes, full: bool) -> str | More | None:
    if not full or len(rest) < 4:
        return MORE
    if rest[:4] in (_V1_HANDSHAKE, _V2_HANDSHAKE):
        return "foo handshake"
    return "foo handshake" if 8 <= int.from_bytes(rest[:4], "little") <= wire.MAX_FRAME else None
