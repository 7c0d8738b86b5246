"""One TOC connection: commands of the client, messages of the server.

Holds at most one frame a side (8 KiB of text; a longer one is malformed) and OSCAR's `State`.
"""

from backchannel.events import Gap, Malformed, SignOff
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.oscar.state import State
from backchannel.protocols.oscar.wire import DATA, KEEP_ALIVE, SIGN_OFF, SIGN_ON, START
from backchannel.protocols.toc import wire
from backchannel.protocols.toc.commands import COMMANDS
from backchannel.protocols.toc.recognise import recognise
from backchannel.protocols.toc.replies import REPLIES
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]


class _Lane:
    """One side: bytes that wait for more, and whether we are in step."""

    __slots__ = ("deaf", "held", "hunting", "opening")

    def __init__(self, *, hunting: bool) -> None:
        self.held = b""
        self.hunting = hunting
        self.opening = not hunting
        self.deaf = False


class Session:
    """Decodes one connection. See the module for the bounds."""

    def __init__(self, start: Start) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self.service = "aim"
        self._state = State(start)
        self._lanes = [_Lane(hunting=not start.begun), _Lane(hunting=not start.begun)]

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        lane = self._lanes[side]
        if lane.deaf:
            return []
        data = lane.held + data if lane.held else data
        out: list[Output] = []
        at = 0
        try:
            while at < len(data) and (stop := self._step(side, lane, data, at, out)) is not None:
                at = stop
        except WireError as error:
            lane.deaf = True
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
            out.append(Malformed(reason=str(error)))
            at = len(data)
        lane.held = data[at:]
        return out

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen; the next frame is found by its look."""
        self._lanes[side] = _Lane(hunting=True)
        return [Gap(size=size)]

    def end(self, _side: Side) -> list[Output]:
        """No message is left half told: nothing more to say."""
        return []

    def _step(self, side: Side, lane: _Lane, data: bytes, at: int, out: list[Output]) -> int | None:
        """Handle what stands at *at*; return where to go on, or None to wait for more."""
        if lane.hunting:
            found = wire.FRAME.search(data, at)
            if found is None:
                return len(data) - wire.LOOK + 1 if len(data) - at >= wire.LOOK else None
            if found.start() + wire.LOOK > len(data):
                return None
            lane.hunting = False
            return found.start() if found.start() > at else self._frame(side, data, at, out)
        if lane.opening and side is Side.CLIENT:
            end = at + len(wire.GREETING)
            if data[at:end] == wire.GREETING:
                lane.opening = False
                return end
            if wire.GREETING.startswith(data[at:end]):
                return None
        lane.opening = False
        return self._frame(side, data, at, out)

    def _frame(self, side: Side, data: bytes, at: int, out: list[Output]) -> int | None:
        head = data[at : at + wire.HEADER]
        if head[0] != START:
            raise WireError(f"FLAP must start with 2a, got {head[0]:02x}")
        if len(head) > 1 and not SIGN_ON <= head[1] <= KEEP_ALIVE:
            raise WireError(f"unknown FLAP channel {head[1]}")
        if len(head) < wire.HEADER:
            return None
        size = int.from_bytes(head[4:6])
        if size > wire.LONGEST:
            raise WireError(f"TOC message of {size} bytes")
        stop = at + wire.HEADER + size
        if stop > len(data):
            return None
        if head[1] == DATA:
            self._told(side, data[at + wire.HEADER : stop], out)
        elif head[1] == SIGN_OFF and not self._state.gone:
            self._state.gone = True
            out.append(SignOff(account=self._state.account))
        return stop

    def _told(self, side: Side, payload: bytes, out: list[Output]) -> None:
        if side is Side.CLIENT:
            words = wire.words(payload)
            known = bool(words) and wire.COMMAND.match(payload + b"\0") is not None
            if known and (act := COMMANDS.get(words[0])):
                out += act(self._state, words)
        else:
            name = payload.partition(b":")[0].decode("latin-1")
            known = wire.MESSAGE.match(payload) is not None
            if known and name in REPLIES:
                tell, count = REPLIES[name]
                try:
                    out += tell(self._state, wire.fields(payload, count))
                except WireError as error:
                    out.append(Malformed(reason=str(error)))
        if known:
            self.standing = Standing.PARSED
