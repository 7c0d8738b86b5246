"""What connections of Direct Connect have in common, whichever of NMDC and ADC is spoken: lines of
both sides, and between two clients the bytes of files.

Held: at most one line a side, the bounded tables of `State`, and one `Body` a side.
"""

from typing import Generic, TypeVar

from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.dc_files import Asked, Body, Known, Packed
from backchannel.reader import WireError

LONGEST = 65_536
"""Bytes of a line; the lists of a full hub are long."""
PROVED = 3
"""Known lines after which the claim counts as parsed."""
FOREIGN = 8
"""Lines in succession that are none, after which a side is not heard any more."""
MEMBERS = 1024
"""Users of a hub that are remembered, and places that are told."""
Line = TypeVar("Line")
"""What one line says."""


class State:
    """What is remembered of one connection, to a hub or between clients; all of it is bounded."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.peer = False
        """Whether two clients talk; else a client and a hub."""
        self.nick = ""
        """Our own, at a hub."""
        self.hub = ""
        self.welcomed = False
        self.places: set[tuple[str, str, int]] = set()
        self.known: dict[str, Known] = {}
        """Files by their hash, as a list of this connection has them."""
        self.asked: dict[Side, Asked] = {}
        """What each side asked for last."""
        self.clients: dict[Side, str] = dict.fromkeys(Side, "")
        """Of two clients: who each is."""

    def name(self, side: Side) -> str:
        """Return who a client is, by address where it was not told."""
        end = self.start.server if side else self.start.client
        return self.clients[side] or str(end)

    def place(self, account: str, address: str, port: int) -> bool:
        """Whether a place was not told, and there is room for one more."""
        found = account, address, port
        if found in self.places or len(self.places) >= MEMBERS:
            return False
        self.places.add(found)
        return True


class Lane:
    """One side."""

    def __init__(self, *, hunting: bool) -> None:
        self.buffer = bytearray()
        self.hunting = hunting
        """The beginning of the next line may be missing."""
        self.foreign = 0
        self.deaf = False
        self.body: Body | None = None
        self.packed: Packed | None = None
        """What inflates, while a hub compresses."""


class Connection(Generic[Line]):
    """Both directions of one connection, or one datagram. A subclass reads lines and tells what
    they mean.
    """

    ending: bytes
    """What ends a line."""

    def __init__(self, start: Start) -> None:
        self.service = "direct-connect"
        self.standing = Standing.CLAIMED
        self.done = False
        self._udp = start.transport == "udp"
        self._lanes = [Lane(hunting=not start.begun) for _ in Side]
        self._known = self._unknown = self._bodies = 0

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*, or one datagram."""
        told: list[Output] = []
        if self._udp:
            told = self._datagram(data)
            if told:
                self.standing = Standing.PARSED
            return told
        lane = self._lanes[side]
        if lane.deaf:
            return []
        try:
            self._feed(side, lane, data, told)
        except WireError as error:
            told.append(Malformed(reason=str(error)))
            self._lose(lane)
        return told

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen; a file goes on, lines behind the end of one."""
        told: list[Output] = [Gap(size=size)]
        lane = self._lanes[side]
        if lane.body and lane.body.skip(size, told) and lane.packed is None:
            lane.body = None if lane.body.over else lane.body
            return told
        self._lanes[side] = fresh = Lane(hunting=True)
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
        """Whether *side* has begun a line and not ended it."""
        return bool(self._lanes[side].buffer)

    @property
    def aligned(self) -> bool:
        """Whether all bytes so far were whole lines that are known."""
        ragged = any(lane.buffer or lane.foreign or lane.body for lane in self._lanes)
        return bool(self._known) and not self._unknown and not ragged

    # -- what a subclass says ------------------------------------------------------------------

    def _datagram(self, data: bytes) -> list[Output]:
        """Return what a datagram tells."""
        raise NotImplementedError

    def _read(self, raw: bytes, *, cut: bool) -> Line | None:
        """Read a line, whose beginning may be *cut* off; None for what says nothing. Raises
        WireError.
        """
        raise NotImplementedError

    def _tell(self, side: Side, lane: Lane, line: Line, told: list[Output]) -> bool:
        """Add what *line* means to *told*. Say whether lines follow it: else what is left in the
        buffer has another form.
        """
        raise NotImplementedError

    # -- lines ---------------------------------------------------------------------------------

    def _feed(self, side: Side, lane: Lane, data: bytes, told: list[Output]) -> None:
        lane.buffer += data
        while lane.buffer and not lane.deaf:
            if lane.body is not None:
                lane.buffer[:] = lane.body.feed(bytes(lane.buffer), told)
                if lane.body.over:
                    lane.body = None
            elif not self._step(side, lane, told):
                return

    def _step(self, side: Side, lane: Lane, told: list[Output]) -> bool:
        """Take one line off the buffer; say whether to go on."""
        try:
            raw = _take(lane.buffer, self.ending)
        except WireError as error:
            self._strange(lane, str(error), told)
            lane.hunting = True
            return True
        if raw is None:
            return False
        cut, lane.hunting = lane.hunting, False
        try:
            line = self._read(raw, cut=cut)
        except WireError as error:
            self._strange(lane, str(error), told)
            return True
        if line is None:
            return True
        lane.foreign = 0
        return self._tell(side, lane, line, told)

    def _strange(self, lane: Lane, reason: str, told: list[Output]) -> None:
        told.append(Malformed(reason=reason))
        lane.foreign += 1
        if lane.foreign >= FOREIGN:
            self._lose(lane)
        self._judge(known=False)

    def _lose(self, lane: Lane) -> None:
        lane.deaf = True
        lane.buffer.clear()
        lane.body = lane.packed = None
        if self.standing is Standing.CLAIMED:
            self.standing = Standing.REFUTED

    def _begin(self, sender: Side, body: Body, told: list[Output]) -> None:
        """The bytes of a file come next from *sender*."""
        if body.opened:
            told.append(body.opened)
        if body.over:
            body.close(told)
        else:
            self._lanes[sender].body = body

    def _judge(self, *, known: bool, neutral: bool = False) -> None:
        """Count a line; a *neutral* one that is not known speaks for nothing."""
        self._known += known
        self._unknown += not known and not neutral
        if self.standing is Standing.CLAIMED:
            if self._known >= PROVED and self._known > 2 * self._unknown:
                self.standing = Standing.PARSED
            elif self._unknown > self._known:
                self.standing = Standing.REFUTED


def _take(buffer: bytearray, ending: bytes) -> bytes | None:
    """Take one line off *buffer*; None where its end has not come. Raises WireError where it is too
    long, and takes what there is of it.
    """
    end = buffer.find(ending, 0, LONGEST)
    if end < 0:
        if len(buffer) < LONGEST:
            return None
        del buffer[:LONGEST]
        raise WireError(f"no end of a line within {LONGEST} bytes")
    line = bytes(buffer[:end])
    del buffer[: end + 1]
    return line
