"""Is this OSCAR? A strict look at the first bytes of both sides.

FLAP frames must follow one another without a byte between them, and each must hold what its
channel can hold: a SNAC of a family and subtype that exist, or a protocol version and TLVs.
"""

from typing import ClassVar

from backchannel.model import MORE, Claim, More, Side
from backchannel.protocols import Peek
from backchannel.protocols.oscar import signon, wire
from backchannel.reader import Reader, WireError

_TOC = b"FLAPON"
_LAST_SUBTYPE = dict.fromkeys(wire.FROM_SERVER, 0x30) | dict.fromkeys(
    (0x05, 0x06, 0x08, 0x0B, 0x0C, 0x18, 0x22, 0x24, 0x25), 0x20
)
_LONGEST_TEXT = 0x1000
"""More than any honest sign-off frame holds."""


class _Look:
    """What one side's bytes show. `fits` is False as soon as something cannot be OSCAR."""

    def __init__(self, data: bytes, *, begun: bool) -> None:
        self.fits = True
        self.greeting = False
        self.proof = ""
        self.speaker: Side | None = None
        at = 0
        if not begun and data[:1] not in (b"", b"\x2a"):
            found = wire.FRAME.search(data)
            at = found.start() if found else len(data)
            self.fits = found is not None
        while self.fits and at < len(data):
            at = self._frame(data, at)

    def _frame(self, data: bytes, at: int) -> int:
        """Judge the frame at *at*, whole or not; return where the next one begins."""
        head = data[at : at + wire.HEADER]
        stop = at + wire.HEADER + int.from_bytes(head[4:6])
        body, whole = data[at + wire.HEADER : stop], stop <= len(data)
        if head[0] != wire.START or (len(head) > 1 and head[1] not in self._BODIES):
            self.fits = False
        elif len(head) == wire.HEADER:
            self.fits = self._BODIES[head[1]](self, body, stop - at - wire.HEADER, whole)
        return stop if len(head) == wire.HEADER else len(data)

    def _hello(self, body: bytes, size: int, whole: bool) -> bool:
        version = body[: len(wire.VERSION)]
        if size < len(wire.VERSION) or not wire.VERSION.startswith(version):
            return False
        if not whole:
            return True
        self.greeting = True
        try:
            values = wire.tlvs(Reader(body, len(wire.VERSION)))
        except WireError:
            return False
        if signon.COOKIE in values or {signon.NAME, signon.ROASTED} <= values.keys():
            self.proof = "FLAP sign-on frame with a password or a cookie"
            self.speaker = Side.CLIENT
        return signon.NAME not in values or bool(self.proof)  # else it is TOC's

    def _snac(self, body: bytes, size: int, _whole: bool) -> bool:
        if size < wire.SNAC_HEADER:
            return False
        if len(body) < wire.SNAC_HEADER:
            return body[:1] in (b"", b"\0")
        family, subtype = int.from_bytes(body[:2]), int.from_bytes(body[2:4])
        flags = int.from_bytes(body[4:6])
        if not 0 < subtype <= _LAST_SUBTYPE.get(family, 0) or flags & 0x7FF0:
            return False
        self.proof = self.proof or f"SNAC {family:02x}/{subtype:02x} in a FLAP frame"
        if self.speaker is None:
            self.speaker = wire.speaker(family, subtype)
        return True

    def _text(self, _body: bytes, size: int, _whole: bool) -> bool:
        return size < _LONGEST_TEXT

    def _nothing(self, _body: bytes, size: int, _whole: bool) -> bool:
        return size == 0

    _BODIES: ClassVar = {
        wire.SIGN_ON: _hello,
        wire.DATA: _snac,
        wire.ERROR: _text,
        wire.SIGN_OFF: _text,
        wire.KEEP_ALIVE: _nothing,
    }


def recognise(peek: Peek) -> Claim | More | None:
    """Say whether these are an OSCAR connection's first bytes, or a part out of its middle."""
    if peek.transport != "tcp" or peek.client.startswith(_TOC) or peek.server.startswith(_TOC):
        return None
    client, server = (_Look(data, begun=peek.begun) for data in (peek.client, peek.server))
    if not (client.fits and server.fits):
        return None
    proof = client.proof or server.proof
    if not proof and client.greeting and server.greeting:
        proof = "FLAP sign-on frames from both sides"
    if not proof and server.greeting and peek.begun and not peek.client:
        proof = "FLAP sign-on frame from the server, which speaks first"
    flipped = client.speaker is Side.SERVER or server.speaker is Side.CLIENT
    return Claim("oscar", evidence=proof, flipped=flipped) if proof else MORE
