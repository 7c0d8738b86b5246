"""One direct connection of MSN Messenger: frames in, events out.

The caller says `foo`, then each side shows the nonce that the switchboard agreed on; P2P packets of
either version follow, each behind its length. Holds at most one frame a side (128 KiB) beside what
`link` holds. After a gap that hides a frame's beginning the next sound packet is looked for.
"""

import re

from backchannel.events import Anomaly, Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.msn_p2p import addresses, wire
from backchannel.protocols.msn_p2p.calls import Direct
from backchannel.protocols.msn_p2p.link import Link
from backchannel.protocols.msn_p2p.recognise import recognise
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]

_FOO = b"foo\0"
_V2_NONCE = 16
_TAIL = 4 + wire.V1.size
_LENGTH = re.compile(rb"(?=(?:[\x30-\xff].|.[\x01-\xff])\x00\x00)", re.DOTALL)
"""What the length of a frame looks like: 48 bytes to 64 KiB."""


_V1_LENGTH = wire.V1.size.to_bytes(4, "little")
_OPENING = len(_FOO).to_bytes(4, "little") + _FOO


class _Lane:
    """One direction."""

    def __init__(self, *, seeking: bool) -> None:
        self.buffer = bytearray()
        self.skip = 0
        """Bytes still to pass over, of a frame that a gap broke."""
        self.seeking = self.fresh = seeking
        """`fresh`: nothing came yet, so `foo` may, though the flow's beginning was missed."""
        self.deaf = False
        self.greeting = not seeking
        """True until the nonce, the first frame but `foo`, has come."""


class Session:
    """Both directions of one connection."""

    def __init__(self, start: Start) -> None:
        self.service = "msn"
        self.standing = Standing.CLAIMED
        self.done = False
        context = start.context
        self._direct = context if isinstance(context, Direct) else None
        self._names = self._known_names(start)
        self._link = Link(self._direct.plans if self._direct else ())
        self._doubt = False
        """True while a nonce was shown that was not announced."""
        self._lanes = {side: _Lane(seeking=not start.begun) for side in Side}

    def _known_names(self, start: Start) -> dict[Side, str]:
        if self._direct:
            return {Side.CLIENT: self._direct.caller, Side.SERVER: self._direct.listener}
        names = (*start.accounts, "", "") if len(start.accounts) == 2 else ("", "")
        return {Side.CLIENT: names[0], Side.SERVER: names[1]}

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        lane = self._lanes[side]
        if lane.deaf:
            return []
        if lane.skip:
            passed = min(lane.skip, len(data))
            lane.skip -= passed
            data = data[passed:]
        lane.buffer += data
        if lane.seeking and not self._found(lane):
            return []
        told: list[Output] = []
        try:
            while (frame := wire.take_frame(lane.buffer)) is not None:
                told += self._frame(side, lane, frame)
        except WireError as error:
            told.append(Malformed(reason=str(error)))
            lane.deaf = True
            lane.buffer.clear()
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
        return told

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen. Inside one frame the framing survives."""
        lane = self._lanes[side]
        lane.greeting = lane.fresh = False
        left = lane.skip
        if not left and not lane.seeking and not lane.deaf and len(lane.buffer) >= 4:
            left = 4 + int.from_bytes(lane.buffer[:4], "little") - len(lane.buffer)
        lane.buffer.clear()
        lane.deaf = False
        if 0 < size <= left:
            lane.skip = left - size
        else:
            lane.skip, lane.seeking = 0, True
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        lane = self._lanes[side]
        lane.buffer.clear()
        lane.deaf = True
        if all(each.deaf for each in self._lanes.values()) and not self.done:
            self.done = True
            wrong = Anomaly(kind="wrong-nonce", detail="not what the switchboard agreed on")
            return [*([wrong] if self._doubt else []), *self._link.end()]
        return []

    def _found(self, lane: _Lane) -> bool:
        """Look for the next sound packet; drop what comes before it."""
        data = bytes(lane.buffer)
        if lane.fresh and _OPENING.startswith(data[: len(_OPENING)]):
            if len(data) < len(_OPENING):
                return False
            lane.seeking, lane.greeting = False, True
            return True
        if lane.fresh and (before := wire.length_of(data)):
            lane.buffer[:0] = before
            lane.seeking = lane.fresh = False
            return True
        if lane.fresh and len(data) >= _TAIL and data[:4] == _V1_LENGTH and wire.shakes(data):
            lane.seeking = lane.fresh = False
            return True
        lane.fresh = lane.fresh and len(data) < _TAIL
        for found in _LENGTH.finditer(data, 0, max(0, len(data) - _TAIL + 4)):
            at = found.start()
            if wire.plausible(data[at : at + _TAIL]):
                del lane.buffer[:at]
                lane.seeking = False
                return True
        del lane.buffer[: max(0, len(data) - _TAIL)]
        return False

    def _frame(self, side: Side, lane: _Lane, frame: bytes) -> list[Output]:
        if lane.greeting and frame == _FOO:
            return []
        greeting, lane.greeting = lane.greeting, False
        if not frame:
            return []
        if greeting and len(frame) == _V2_NONCE:
            return self._shown(side, frame)
        try:
            packet = wire.read(frame, 0)
        except WireError as error:
            return [Malformed(reason=str(error))]
        if packet.nonce:
            return self._shown(side, packet.nonce)
        if self._doubt:  # both go on: it was announced for another connection
            self._doubt, self._direct, self._link = False, None, Link()
            self._names = dict.fromkeys(Side, "")
        names = self._names
        told = self._link.take(names[side], names[side.other], packet)
        if packet.carries:
            self.standing = Standing.PARSED
        self._learn_names(side)
        return told

    def _shown(self, side: Side, nonce: bytes) -> list[Output]:
        """A side shows its nonce. With hashed nonces only the listener's is known beforehand."""
        self.standing = Standing.PARSED
        direct = self._direct
        if not direct or not direct.nonce or (direct.hashed and side is Side.CLIENT):
            return []
        self._doubt = not addresses.fits(nonce, direct.nonce, direct.hashed)
        return []

    def _learn_names(self, side: Side) -> None:
        message = self._link.last
        if message is not None and not self._names[side] and message.method:
            self._names = {side: message.sender, side.other: message.recipient}
