"""What OFT and ODC sessions share: framing, the proxy's frames before it, resynchronisation."""

import re
from collections.abc import Callable, Sequence

from backchannel.events import Malformed
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.oft import proxy
from backchannel.reader import WireError

PROXY_LIMIT = 8
"""Proxy frames of one side that are told."""
WAIT = -1
"""In place of where to go on: what stands there is not whole yet."""


class Lane:
    """One side: bytes that wait for more, and whether we are in step."""

    def __init__(self, *, hunting: bool) -> None:
        self.held = b""
        self.hunting = hunting
        self.deaf = False
        self.opening = not hunting
        """No byte of the peers' own protocol was seen yet: the proxy may speak first."""
        self.frames = 0


class PeerSession:
    """Cuts both sides' bytes into headers; what they mean is the subclass's."""

    _lanes: Sequence[Lane]

    def __init__(
        self, start: Start, lanes: Sequence[Lane], header: re.Pattern[bytes], look: int
    ) -> None:
        """*header* is what a header looks like where it must be found again, and *look* how many
        bytes that takes.
        """
        self.standing = Standing.CLAIMED
        self.done = False
        self._start = start
        self._lanes = lanes
        self._pattern, self._look = header, look
        self._guest = proxy.Guest()

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        lane = self._lanes[side]
        if lane.deaf:
            return []
        data = lane.held + data if lane.held else data
        out: list[Output] = []
        at = 0
        try:
            while at < len(data):
                stop = self._step(side, data, at, out)
                if stop == WAIT:
                    break
                at = stop
        except WireError as error:
            lane.deaf = True
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
            out.append(Malformed(reason=str(error)))
            at = len(data)
        lane.held = data[at:]
        return out

    def _step(self, side: Side, data: bytes, at: int, out: list[Output]) -> int:
        """Handle what stands at *at*; return where to go on, or WAIT."""
        raise NotImplementedError

    def _frame(self, side: Side, data: bytes, at: int, out: list[Output]) -> int:
        """Handle a header, or what the proxy says before the first; as `_step`."""
        lane = self._lanes[side]
        if lane.hunting:
            found = self._pattern.search(data, at)
            lane.hunting = found is None
            if found is None:
                return len(data) - self._look + 1 if len(data) - at >= self._look else WAIT
            if found.start() > at:
                return found.start()
        elif lane.opening:
            begins = proxy.begins(data[at : at + 4])
            if begins is None:
                return WAIT
            if begins:
                return self._proxied(lane, data, at, out)
            lane.opening = False
        return self._header(side, data, at, out)

    def _header(self, side: Side, data: bytes, at: int, out: list[Output]) -> int:
        """Take one of the peers' own headers, as `_step` does."""
        raise NotImplementedError

    def _met(self) -> None:
        """The client of this flow told the proxy who it is."""
        raise NotImplementedError

    def _proxied(self, lane: Lane, data: bytes, at: int, out: list[Output]) -> int:
        frame = proxy.take(data, at)
        if frame is None:
            return WAIT
        end, kind, body = frame
        lane.frames += 1
        if lane.frames <= PROXY_LIMIT:
            out += proxy.tell(self._guest, kind, body, self._start.server)
            self._met()
            if self._guest.capability:
                self.standing = Standing.PARSED
        return end


def claimed(
    name: str, peek: Peek, header: re.Pattern[bytes], judge: Callable[[bytes], str | None]
) -> Claim | More | None:
    """Say whether a flow is the protocol *name*'s, by what *judge* makes of each side's bytes:
    evidence; "" where they cannot be; None where they do not tell yet. Of a flow that was joined
    midway they begin at the first *header*.
    """
    if peek.transport != "tcp":
        return None
    told = []
    for data in (peek.client, peek.server):
        found = None if peek.begun else header.search(data)
        told.append(judge(data[found.start() :] if found else data))
    if "" in told:
        return None
    proof = next((word for word in told if word), None)
    return Claim(name, evidence=proof) if proof else MORE
