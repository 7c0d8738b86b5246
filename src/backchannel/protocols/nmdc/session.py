"""One NMDC connection: commands of both sides in, events out; or one datagram, an answer.

Holds at most one command a side (64 KiB), the bounded tables of `State`, and one `Body` a side. A
hub may compress what follows $ZOn; `Packed` bounds it.
"""

from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.dc_files import Body, Packed
from backchannel.protocols.nmdc import hub, peer, wire
from backchannel.protocols.nmdc.recognise import recognise
from backchannel.protocols.nmdc.state import State
from backchannel.protocols.nmdc.wire import Command
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]

PROVED = 3
"""Known commands after which the claim counts as parsed."""
FOREIGN = 8
"""What is no command, in succession, after which a side is not heard any more."""


class _Lane:
    """One side."""

    def __init__(self, *, hunting: bool) -> None:
        self.buffer = bytearray()
        self.hunting = hunting
        """The beginning of the next command may be missing."""
        self.foreign = 0
        self.deaf = False
        self.body: Body | None = None
        self.packed: Packed | None = None
        """What inflates, while a hub compresses."""

    def hears(self) -> bool:
        """Whether it is still worth reading."""
        return not self.deaf

    def inflates(self) -> bool:
        """Whether what comes is compressed."""
        return self.packed is not None


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
        """*size* bytes of *side* were never seen; commands go on behind the next end of one."""
        told: list[Output] = [Gap(size=size)]
        lane = self._lanes[side]
        if lane.body:
            lane.body.close(told)
        self._lanes[side] = fresh = _Lane(hunting=True)
        fresh.deaf = lane.deaf or lane.packed is not None
        return told

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        told: list[Output] = []
        if body := self._lanes[side].body:
            body.close(told)
            self._lanes[side].body = None
        return told

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a command and not ended it."""
        return bool(self._lanes[side].buffer)

    @property
    def aligned(self) -> bool:
        """Whether all bytes so far were whole commands that are known."""
        ragged = any(lane.buffer or lane.foreign or lane.body for lane in self._lanes)
        return bool(self._known) and not self._unknown and not ragged

    def _datagram(self, data: bytes) -> list[Output]:
        told = [event for part in data.split(b"|")[:64] for event in _answer(part)]
        if told:
            self.standing = Standing.PARSED
        return told

    # -- commands ------------------------------------------------------------------------------

    def _feed(self, side: Side, lane: _Lane, data: bytes, told: list[Output]) -> None:
        while data and lane.hears():
            packed = lane.packed
            if packed is None:
                data = self._plain(side, lane, data, told)
                continue
            for plain in packed.feed(data):
                self._plain(side, lane, plain, told)
                if not lane.hears():
                    return
            data = packed.rest
            if packed.over:
                lane.packed = None

    def _plain(self, side: Side, lane: _Lane, data: bytes, told: list[Output]) -> bytes:
        """Read what is not, or no longer, compressed; return what is, behind a $ZOn."""
        outside = not lane.inflates()
        lane.buffer += data
        while lane.buffer and not lane.deaf:
            if lane.body is not None:
                lane.buffer[:] = lane.body.feed(bytes(lane.buffer), told)
                if lane.body.over:
                    lane.body = None
            elif not self._step(side, lane, told):
                break
            elif outside and lane.inflates():
                rest = bytes(lane.buffer)
                lane.buffer.clear()
                return rest
        return b""

    def _step(self, side: Side, lane: _Lane, told: list[Output]) -> bool:
        """Take one command off the buffer; say whether there was one."""
        try:
            raw = wire.take(lane.buffer)
        except WireError as error:
            self._strange(lane, str(error), told)
            lane.hunting = True
            return not lane.deaf
        if raw is None:
            return False
        if lane.hunting:
            lane.hunting = False
            if not raw.startswith((b"$", b"<")):
                return True
        if not raw:
            return True
        try:
            command = wire.read(raw)
        except WireError as error:
            self._strange(lane, str(error), told)
            return not lane.deaf
        lane.foreign = 0
        self._command(side, lane, command, told)
        return not lane.deaf

    def _strange(self, lane: _Lane, reason: str, told: list[Output]) -> None:
        told.append(Malformed(reason=reason))
        lane.foreign += 1
        if lane.foreign >= FOREIGN:
            self._lose(lane)
        self._judge(known=False)

    def _lose(self, lane: _Lane) -> None:
        lane.deaf = True
        lane.buffer.clear()
        lane.body = lane.packed = None
        if self.standing is Standing.CLAIMED:
            self.standing = Standing.REFUTED

    def _command(self, side: Side, lane: _Lane, command: Command, told: list[Output]) -> None:
        word, state = command.word, self._state
        if word in ("$MyNick", "$ADCGET", "$Direction"):
            state.peer = True
        if state.peer:
            self._judge(known=word in peer.KNOWN, neutral=bool(word))
            told += peer.tell(state, side, word, command.rest)
            self._bodies += 1
            if found := peer.body(state, side, word, command.rest, self._bodies):
                self._begin(*found, told)
            return
        own = side is Side.CLIENT
        table = hub.CLIENT if own else hub.SERVER
        self._judge(
            known=word in table or word in hub.SILENT or self._is_chat(command), neutral=True
        )
        if not word:
            told += hub.said(state, command.rest, own)
        elif tell := table.get(word):
            told += tell(state, command.rest)
        elif word == "$ZOn" and not own and lane.packed is None:
            lane.packed = Packed()

    def _is_chat(self, command: Command) -> bool:
        return not command.word and wire.chat(command.rest) is not None

    def _begin(self, sender: Side, body: Body, told: list[Output]) -> None:
        """The bytes of a file come next from *sender*."""
        if body.opened:
            told.append(body.opened)
        if body.over:
            body.close(told)
        else:
            self._lanes[sender].body = body

    def _judge(self, *, known: bool, neutral: bool = False) -> None:
        self._known += known
        self._unknown += not known and not neutral
        if self.standing is Standing.CLAIMED:
            if self._known >= PROVED and self._known > 2 * self._unknown:
                self.standing = Standing.PARSED
            elif self._unknown > self._known:
                self.standing = Standing.REFUTED


def _answer(part: bytes) -> list[Output]:
    if not part.startswith(b"$SR "):
        return []
    try:
        return list(hub.result(wire.read(part).rest))
    except WireError:
        return []
