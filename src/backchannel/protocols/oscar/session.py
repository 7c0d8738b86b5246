"""One OSCAR connection: both sides' bytes in, events and effects out.

Holds at most one FLAP frame (64 KiB) a side and `State`'s bounded tables. FLAP frames carry a
sequence number a side, one higher each time; a jump that no loss explains is an `Anomaly`.
"""

from collections.abc import Callable

from backchannel.decoder import Decoder
from backchannel.events import Anomaly, Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.oscar import (
    art,
    icbm,
    meta,
    profiles,
    rooms,
    roster,
    service,
    signon,
    wire,
)
from backchannel.protocols.oscar.names import FAMILIES
from backchannel.protocols.oscar.recognise import recognise
from backchannel.protocols.oscar.state import State
from backchannel.protocols.oscar.wire import (
    DATA,
    EXTENDED,
    HEADER,
    KEEP_ALIVE,
    SIGN_OFF,
    SIGN_ON,
    SNAC_HEADER,
    START,
    Snac,
)
from backchannel.reader import Reader, WireError, u32_at

Handler = Callable[[State, Reader, Snac, list[Output]], None]
"""Puts what a message means into the list, so that what came before an error is kept."""
SNACS: dict[tuple[int, int], Handler] = {
    **signon.SNACS,
    **service.SNACS,
    **profiles.SNACS,
    **icbm.SNACS,
    **rooms.SNACS,
    **art.SNACS,
    **roster.SNACS,
    **meta.SNACS,
}
FAILED = 1
"""The subtype that in every family says that a request failed."""
UNKNOWN = None, None
KINDS: dict[int, dict[int, tuple[Side | None, Handler | None]]] = {
    family: {} for family in FAMILIES
}
"""Who sends a message of a family that exists, by its subtype, and what reads it."""
for _family, _subtype in {
    *SNACS,
    *wire.SPEAKERS,
    *((family, FAILED) for family in wire.FROM_SERVER),
}:
    KINDS[_family][_subtype] = (
        wire.speaker(_family, _subtype),
        SNACS.get((_family, _subtype), service.failed if _subtype == FAILED else None),
    )
NONE_YET = -1
"""In place of the sequence number that is due."""
ANOMALIES = 8
"""Anomalies of framing told of one side; a server that cannot count would fill the log."""

_REFUTED, _CLAIMED, _PARSED = Standing

__all__ = ["Session", "recognise"]


class _Lane:
    """One side's bytes: the frame under way, and where we stand in the sequence."""

    __slots__ = ("anomalies", "deaf", "expected", "held", "hunting", "need", "skipped")

    def __init__(self, *, hunting: bool) -> None:
        self.held = bytearray()
        self.need = 0
        self.hunting = hunting
        self.deaf = self.skipped = False
        self.expected = NONE_YET
        self.anomalies = 0


class Session(Decoder):
    """Decodes one connection. See the module for the bounds."""

    def __init__(self, start: Start) -> None:
        self.standing = _CLAIMED
        self.done = False
        self._state = State(start)
        self._name()
        self._lanes = [_Lane(hunting=not start.begun), _Lane(hunting=not start.begun)]
        self._good = 0
        self._flipped: bool | None = None

    def _name(self) -> None:
        """Name the service: `icq` once a number, or what only ICQ has, was seen; `aim` once a name
        was.
        """
        state = self._state
        self.service = "" if state.service == "aim" and not state.account else state.service

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        lane = self._lanes[side]
        if lane.deaf:
            return []
        if lane.held:
            lane.held += data
            if len(lane.held) < lane.need:
                return []
            data = bytes(lane.held)
            lane.held = bytearray()
        out: list[Output] = []
        at = self._hunt(lane, data) if lane.hunting else 0
        try:
            if not lane.hunting:
                at = self._frames(side, lane, data, at, out)
        except WireError as error:  # framing is lost: say so once, then be silent
            at = self._lost(lane, str(error), out, len(data))
        if at < len(data):
            lane.held += data[at:]
        self._name()
        return out

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen; the next frame is found by its look."""
        self._lanes[side] = lane = _Lane(hunting=True)
        lane.anomalies = 0
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more. Old clients were sent a sign-off frame without its length."""
        lane = self._lanes[side]
        out: list[Output] = []
        held, lane.held, lane.need = lane.held, bytearray(), 0
        if len(held) == 4 and held[:2] == b"\x2a\x04" and not lane.deaf:
            signon.sign_off(self._state, b"", self._spoken(side), out)
            self._name()
        return out

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a frame and not ended it."""
        lane = self._lanes[side]
        return bool(lane.held) and not lane.hunting

    @property
    def aligned(self) -> bool:
        """Whether all bytes so far were whole frames with SNACs of families that exist."""
        lanes = self._lanes
        return self._good > 0 and not any(each.held or each.skipped or each.deaf for each in lanes)

    def _hunt(self, lane: _Lane, data: bytes) -> int:
        """Return where in *data* the next frame begins, or from where to look on."""
        found = wire.FRAME.search(data)
        if found and found.start() + wire.FRAME_SIZE - 1 <= len(data):
            lane.hunting = False
            lane.skipped = lane.skipped or found.start() > 0
            return found.start()
        lane.need = 0
        lane.skipped = lane.skipped or len(data) >= wire.FRAME_SIZE
        return max(0, len(data) - wire.FRAME_SIZE + 1)

    def _frames(self, side: Side, lane: _Lane, data: bytes, at: int, out: list[Output]) -> int:
        """Decode whole frames from *at* on; return where the next, incomplete one begins."""
        end, octets = len(data), data
        while at + HEADER <= end:
            start, channel = octets[at], octets[at + 1]
            sequence = octets[at + 2] << 8 | octets[at + 3]
            size = octets[at + 4] << 8 | octets[at + 5]
            if start != START or not SIGN_ON <= channel <= KEEP_ALIVE:
                break
            stop = at + HEADER + size
            if stop > end:
                lane.need = stop - at
                return at
            if sequence == lane.expected:
                lane.expected = (sequence + 1) & 0xFFFF
            else:
                self._count(lane, channel, sequence, out)
            self._frame(side, lane, channel, octets[at + HEADER : stop], out)
            at = stop
        lane.need = 0
        if at < end:
            lane.need = HEADER if end - at > 1 else 0
            wire.check_frame(data[at : at + 2])
        return at

    def _lost(self, lane: _Lane, reason: str, out: list[Output], size: int) -> int:
        lane.deaf = True
        if self.standing is _CLAIMED:
            self.standing = _REFUTED
        out.append(Malformed(reason=reason))
        return size

    def _frame(
        self, side: Side, lane: _Lane, channel: int, payload: bytes, out: list[Output]
    ) -> None:
        """Decode one frame. A broken body costs that frame, never the connection."""
        try:
            if channel == DATA:
                self._snac(side, lane, payload, out)
            elif channel == SIGN_ON:
                self._hello(side, payload, out)
            elif channel == SIGN_OFF:
                signon.sign_off(self._state, payload, self._spoken(side), out)
                self._good += 1
        except WireError as error:
            out.append(Malformed(reason=f"FLAP channel {channel}: {error}"))
        else:
            if self._good >= 2:
                self.standing = _PARSED

    def _count(self, lane: _Lane, channel: int, sequence: int, out: list[Output]) -> None:
        """Check the sequence number. Some ICQ clients count to 7fff only."""
        expected = lane.expected
        lane.expected = (sequence + 1) & 0xFFFF
        if expected in (NONE_YET, sequence) or (expected == 0x8000 and sequence == 0):
            return
        if channel == KEEP_ALIVE and sequence == 0:  # not counted by some programs
            lane.expected = expected
        else:
            detail = f"FLAP frame {sequence} where {expected} was due"
            self._odd(lane, Anomaly(kind="sequence-jump", detail=detail), out)

    def _odd(self, lane: _Lane, anomaly: Anomaly, out: list[Output]) -> None:
        lane.anomalies += 1
        if lane.anomalies <= ANOMALIES:
            out.append(anomaly)

    def _hello(self, side: Side, payload: bytes, out: list[Output]) -> None:
        if not payload.startswith(wire.VERSION):
            raise WireError("unknown FLAP version")
        values = wire.tlvs(Reader(payload, 4))
        if self._flipped is None and (signon.COOKIE in values or signon.ROASTED in values):
            self._flipped = side is wire.SERVER
        if values:
            self._good += 2
            self.standing = _PARSED
        signon.hello(self._state, values, self._spoken(side), out)

    def _snac(self, side: Side, lane: _Lane, payload: bytes, out: list[Output]) -> None:
        if len(payload) < SNAC_HEADER:
            raise WireError(f"SNAC header of {len(payload)} bytes")
        family, subtype = payload[0] << 8 | payload[1], payload[2] << 8 | payload[3]
        kinds = KINDS.get(family)
        sender, handler = UNKNOWN if kinds is None else kinds.get(subtype, UNKNOWN)
        if sender is None:
            sender = self._spoken(side)
        elif self._flipped is None:
            self._flipped = sender is not side
        elif self._flipped is (sender is side):
            detail = f"{family:02x}/{subtype:02x} from the {sender.other.name.lower()}"
            self._odd(lane, Anomaly(kind="wrong-direction", detail=detail), out)
            return
        if handler is not None:
            reader = Reader(payload, SNAC_HEADER)
            if payload[4] & EXTENDED:
                reader.skip(reader.u16())
            snac = wire.snac(family, subtype, u32_at(payload, 6), sender)
            handler(self._state, reader, snac, out)
        if kinds is not None:
            self._good += 1

    def _spoken(self, side: Side) -> Side:
        """Return who really speaks where the flow was joined on the wrong foot."""
        return side.other if self._flipped else side
