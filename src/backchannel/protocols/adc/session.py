"""One ADC connection: lines of both sides in, events out; or one datagram, an answer.

Holds at most one line a side (64 KiB), the bounded tables of `State`, and one `Body` a side. What a
hub compresses (ZON) is not read.
"""

from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.adc import hub, peer, wire
from backchannel.protocols.adc.recognise import recognise
from backchannel.protocols.adc.state import State
from backchannel.protocols.adc.wire import Message
from backchannel.protocols.dc_files import Body
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]

PROVED = 3
"""Known messages after which the claim counts as parsed."""
FOREIGN = 8
"""Lines in succession that are none, after which a side is not heard any more."""


class _Lane:
    """One side."""

    def __init__(self, *, hunting: bool) -> None:
        self.buffer = bytearray()
        self.hunting = hunting
        """The beginning of the next line may be missing."""
        self.foreign = 0
        self.deaf = False
        self.body: Body | None = None


class Session:
    """Both directions of one connection."""

    def __init__(self, start: Start) -> None:
        self.service = "direct-connect"
        self.standing = Standing.CLAIMED
        self.done = False
        self._udp = start.transport == "udp"
        self._state = State(start)
        self._lanes = [_Lane(hunting=not start.begun) for _ in Side]
        self._known = self._unknown = self._bodies = 0

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*, or one datagram."""
        if self._udp:
            return self._datagram(data)
        lane = self._lanes[side]
        if lane.deaf:
            return []
        told: list[Output] = []
        try:
            self._feed(side, lane, data, told)
        except WireError as error:
            told.append(Malformed(reason=str(error)))
            self._lose(lane)
        return told

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen; lines go on behind the next end of one."""
        told: list[Output] = [Gap(size=size)]
        lane = self._lanes[side]
        if lane.body:
            lane.body.close(told)
        self._lanes[side] = _Lane(hunting=True)
        self._lanes[side].deaf = lane.deaf
        return told

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        told: list[Output] = []
        if body := self._lanes[side].body:
            body.close(told)
            self._lanes[side].body = None
        return told

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a line and not ended it."""
        return bool(self._lanes[side].buffer)

    @property
    def aligned(self) -> bool:
        """Whether all bytes so far were whole lines that are known."""
        ragged = any(lane.buffer or lane.foreign or lane.body for lane in self._lanes)
        return bool(self._known) and not self._unknown and not ragged

    def _datagram(self, data: bytes) -> list[Output]:
        told: list[Output] = []
        for line in data.split(b"\n")[:64]:
            try:
                message = wire.read(line)
            except WireError:
                continue
            if (message.way, message.name) == ("U", "RES"):
                told += hub.result(self._state, message)
        if told:
            self.standing = Standing.PARSED
        return told

    # -- lines ---------------------------------------------------------------------------------

    def _feed(self, side: Side, lane: _Lane, data: bytes, told: list[Output]) -> None:
        lane.buffer += data
        while lane.buffer and not lane.deaf:
            if lane.body is not None:
                rest = lane.body.feed(bytes(lane.buffer), told)
                lane.buffer[:] = rest
                if lane.body.over:
                    lane.body = None
            elif not self._step(side, lane, told):
                return

    def _step(self, side: Side, lane: _Lane, told: list[Output]) -> bool:
        """Take one line off the buffer; say whether there was one, or its end."""
        try:
            raw = wire.take(lane.buffer)
        except WireError as error:
            self._strange(lane, str(error), told)
            lane.hunting = True
            return True
        if raw is None:
            return False
        hunting, lane.hunting = lane.hunting, False
        if not raw.strip():
            return True  # still there
        try:
            message = wire.read(raw.rstrip(b"\r"))
        except WireError as error:
            if not hunting:
                self._strange(lane, str(error), told)
            return True
        lane.foreign = 0
        self._message(side, lane, message, told)
        return True

    def _strange(self, lane: _Lane, reason: str, told: list[Output]) -> None:
        told.append(Malformed(reason=reason))
        lane.foreign += 1
        if lane.foreign >= FOREIGN:
            self._lose(lane)
        self._judge(known=False)

    def _lose(self, lane: _Lane) -> None:
        lane.deaf = True
        lane.buffer.clear()
        lane.body = None
        if self.standing is Standing.CLAIMED:
            self.standing = Standing.REFUTED

    def _message(self, side: Side, lane: _Lane, message: Message, told: list[Output]) -> None:
        state = self._state
        if message.way == "C":
            state.peer = True
            self._judge(known=message.name in peer.KNOWN)
            told += peer.tell(state, side, message)
            self._bodies += 1
            if body := peer.body(state, side, message, self._bodies):
                self._begin(lane, body, told)
            return
        tell = hub.MESSAGES.get(message.name)
        self._judge(known=tell is not None or message.name in hub.SILENT)
        if tell is not None and not state.peer:
            told += tell(state, message, side is Side.CLIENT)
        elif message.name == "ZON" and side is Side.SERVER:
            self._lose(lane)

    def _begin(self, lane: _Lane, body: Body, told: list[Output]) -> None:
        """The bytes of a file come next."""
        if body.opened:
            told.append(body.opened)
        if body.over:
            body.close(told)
        else:
            lane.body = body

    def _judge(self, *, known: bool) -> None:
        self._known += known
        self._unknown += not known
        if self.standing is Standing.CLAIMED:
            if self._known >= PROVED and self._known > 2 * self._unknown:
                self.standing = Standing.PARSED
            elif self._unknown > self._known:
                self.standing = Standing.REFUTED
