"""Is this OSCAR? A strict look at the first bytes of both sides.

FLAP frames must follow one another without a byte between them, and each must hold what its
channel can hold: a SNAC of a family and subtype that exist, or a protocol version and TLVs.
"""

from backchannel.model import LATER, MORE, Claim, More, Side
from backchannel.protocols import Peek
from backchannel.protocols.oscar import wire
from backchannel.protocols.oscar.signon import COOKIE, NAME, ROASTED
from backchannel.protocols.oscar.wire import (
    CLIENT,
    DATA,
    FRAME,
    HEADER,
    KEEP_ALIVE,
    SERVER,
    SIGN_ON,
    SNAC_HEADER,
    START,
    VERSION,
    tlvs,
)
from backchannel.reader import Reader, WireError

PORT = 5190
_TOC = b"FLAPON"
_LAST_SUBTYPE = dict.fromkeys(wire.FROM_SERVER, 0x30) | dict.fromkeys(
    (0x05, 0x06, 0x08, 0x0B, 0x0C, 0x18, 0x22, 0x24, 0x25), 0x20
)
_LONGEST_TEXT = 0x1000
"""More than any honest sign-off frame holds."""


class _Look:
    """What one side's bytes show. `fits` is False as soon as something cannot be OSCAR."""

    def __init__(self, data: bytes, *, begun: bool) -> None:
        self.fits = self.whole = True
        self.greeting = False
        self.proof = ""
        self.speaker: Side | None = None
        at = 0
        if not begun and data[:1] not in (b"", b"\x2a"):
            found = FRAME.search(data)
            at = found.start() if found else len(data)
            self.fits = found is not None
        while self.fits and at < len(data):
            at = self._frame(data, at)
        self.whole = self.whole and at <= len(data)

    def _frame(self, data: bytes, at: int) -> int:
        """Judge the frame at *at*, whole or not; return where the next one begins."""
        left = len(data) - at
        if data[at] != START or (left > 1 and not SIGN_ON <= data[at + 1] <= KEEP_ALIVE):
            self.fits = False
        if left < HEADER or not self.fits:
            self.whole = False
            return len(data)
        size = data[at + 4] << 8 | data[at + 5]
        begin = at + HEADER
        stop = begin + size
        self.fits = self._holds(data[at + 1], data[begin:stop], size)
        return stop

    def _holds(self, channel: int, body: bytes, size: int) -> bool:
        """Whether a frame of *size* that begins with *body* is one of its channel."""
        if channel == SIGN_ON:
            return self._hello(body, size)
        if channel == DATA:
            return self._snac(body, size)
        return size == 0 if channel == KEEP_ALIVE else size < _LONGEST_TEXT

    def _hello(self, body: bytes, size: int) -> bool:
        version = body[: len(VERSION)]
        if size < len(VERSION) or not VERSION.startswith(version):
            return False
        if len(body) < size:
            return True
        self.greeting = True
        try:
            values = tlvs(Reader(body, len(VERSION)))
        except WireError:
            return False
        if COOKIE in values or (NAME in values and ROASTED in values):
            self.proof = "FLAP sign-on frame with a password or a cookie"
            self.speaker = CLIENT
        return NAME not in values or bool(self.proof)  # else it is TOC's

    def _snac(self, body: bytes, size: int) -> bool:
        if size < SNAC_HEADER:
            return False
        if len(body) < SNAC_HEADER:
            return body[:1] in (b"", b"\0")
        family, subtype = body[0] << 8 | body[1], body[2] << 8 | body[3]
        flags = body[4] << 8 | body[5]
        if not 0 < subtype <= _LAST_SUBTYPE.get(family, 0) or flags & 0x7FF0:
            return False
        self.proof = self.proof or f"SNAC {family:02x}/{subtype:02x} in a FLAP frame"
        if self.speaker is None:
            self.speaker = wire.speaker(family, subtype)
        return True


def recognise(peek: Peek) -> Claim | More | None:
    """Say whether these are an OSCAR connection's first bytes, or a part out of its middle."""
    asked, answered, begun = peek.client, peek.server, peek.begun
    if peek.transport != "tcp" or asked.startswith(_TOC) or answered.startswith(_TOC):
        return None
    client, server = _Look(asked, begun=begun), _Look(answered, begun=begun)
    if not (client.fits and server.fits):
        return None
    proof = client.proof or server.proof
    if not proof and client.greeting and server.greeting and begun:  # else who is who?
        proof = "FLAP sign-on frames from both sides"
    if not proof and server.greeting and begun and not asked:
        proof = "FLAP sign-on frame from the server, which speaks first"
    if not proof:  # what follows whole frames is a frame, which shows what it is
        return LATER if begun and client.whole and server.whole else MORE
    flipped = client.speaker is SERVER or server.speaker is CLIENT
    if client.speaker is server.speaker is None and not begun:  # no message tells
        flipped = peek.start.client.port == PORT != peek.start.server.port
    return Claim("oscar", evidence=proof, flipped=flipped)
