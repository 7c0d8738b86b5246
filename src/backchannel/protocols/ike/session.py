"""One flow of IKE and what travels with it: datagrams or a TCP stream in, events out.

    datagram or frame -> `datagram.classify` -> IKE (`exchanges`), ESP (`esp.flow`), keep-alive

Bulk ESP is counted on the first lines of `feed`. Memory is what `EspFlow`, `Exchanges` and `Frames`
say of themselves: some 700 KiB at most.
"""

from backchannel.decoder import Decoder
from backchannel.effects import Tie
from backchannel.events import Anomaly, Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.esp.events import NatKeepalive
from backchannel.protocols.esp.flow import EspFlow, possible
from backchannel.protocols.ike.context import Float
from backchannel.protocols.ike.cut import CutEsp
from backchannel.protocols.ike.datagram import Kind, classify
from backchannel.protocols.ike.exchanges import Exchanges, Framing
from backchannel.protocols.ike.recognise import PORTS, needed, recognise
from backchannel.protocols.ike.stream import Frames
from backchannel.protocols.ike.wire import Header
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]

STRANGERS = 4
"""Datagrams that are nothing at all, before the first of IKE."""
KEEPALIVES = 256
"""Keep-alives of a side that are told one by one."""
KEEPALIVE_PROOF = 3
"""Keep-alives alone that make a flow of port 4500 one of NAT traversal."""
_REFUTED, _CLAIMED, _PARSED = Standing
_OTHER, _IKE, _ESP, _KEEPALIVE = Kind
_SIDES = tuple(Side)


class Session(Decoder):
    """IKE, ESP and keep-alives of one flow."""

    def __init__(self, start: Start) -> None:
        self.service = "ipsec"
        self.standing = _CLAIMED
        self.done = False
        self._expected = isinstance(start.context, Float)
        self._usual = start.client.port in PORTS or start.server.port in PORTS
        self._tcp = start.transport == "tcp"
        wanted = 1 if self._expected else needed(self._usual)
        self._esp = EspFlow(start, "tcp" if self._tcp else "udp", needed=wanted)
        self._known = self._esp.tables
        self._cut: CutEsp | None = None  # few captures cut packets
        self._ike = Exchanges(start)
        self._tie = start.context.key if self._expected else ""
        self._keepalives: list[int] | None = None  # of each side
        self._strange = self._ended = 0
        self._fresh = False
        """Whether an SPI of ESP began since the last message of IKE."""
        sides = _SIDES if self._tcp else ()
        self._frames = tuple([self._side_frames(side, start) for side in sides])
        self._deaf = 0
        """Sides whose frames nobody can follow any more, as bits."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*, or the next bytes of its stream."""
        if self._tcp:
            return self._stream(side, data)
        known = self._esp.find(side, data)
        if known is not None and self._esp.proved:
            return self._esp.count(side, known, data)
        return self._datagram(side, data)

    def gap(self, side: Side, size: int) -> list[Output]:
        """Bytes were lost: look for the next frame. Lost datagrams show in ESP's sequence."""
        if self._tcp:
            self._frames[side].lose()
            self._deaf &= ~(1 << side)
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """Tell the last figures of *side*; decide what was never proved. Datagrams end in both
        directions at once, a stream's sides one by one.
        """
        self._ended += 1
        told: list[Output] = []
        over = self._ended == (len(_SIDES) if self._tcp else 1)
        if over and self.standing is _CLAIMED:
            told += self._decide(side)
        waiting = self._cut.end(side) if self._cut is not None else b""
        if waiting and self.standing is not _REFUTED:
            told += self._foreign(waiting)
        told += self._esp.end(side)
        if self._ended == len(_SIDES):
            told += self._esp.end(_SIDES[1 - side])
        return told + self._ike.end()

    # -- datagrams -----------------------------------------------------------------------------

    def _datagram(self, side: Side, data: bytes) -> list[Output]:
        if self.standing is _REFUTED:
            return []
        kind, offset, header = classify(data, self._usual)
        if offset:
            octets, size = data, len(data)
            data = octets[offset:size]
        if kind is _IKE and header is not None:
            return self._message(side, data, header, "non-esp-marker" if offset else "plain")
        known = self._known[side]
        if kind is _ESP or (known and data[:4] in known):
            return self._packet(side, data)
        if kind is _KEEPALIVE:
            return self._keepalive(side)
        return self._odd(side, data)

    def _odd(self, side: Side, data: bytes) -> list[Output]:
        """No whole ESP: it may have been cut by the capture."""
        if self._cut is None:
            self._cut = CutEsp()
        cut, foreign = self._cut.add(side, data)
        self._esp.cut = self._cut.size
        told = self._foreign(foreign) if foreign else []
        for packet in cut:
            told += self._packet(side, packet)
        return told

    def _message(self, side: Side, data: bytes, header: Header, framing: Framing) -> list[Output]:
        self._fresh = False
        told = self._ike.read(side, data, header, framing)
        if self._ike.proved() and self.standing is not _PARSED:
            self.standing = _PARSED
            told = self._announced() + told
            if waited := self._esp.vouch(side):
                told += waited + self._ike.esp_seen()
        return told

    def _packet(self, side: Side, data: bytes) -> list[Output]:
        fresh = not self._known[side] or data[:4] not in self._known[side]
        proved = self._esp.proved
        self._fresh |= fresh
        told = self._esp.add(side, data)
        if self._esp.refuted and self.standing is _CLAIMED and not self._ike.heard:
            self.standing = _REFUTED
        elif self._esp.proved and self.standing is _CLAIMED:
            self.standing = _PARSED
            told = self._announced() + told
        if self._esp.proved and (fresh or (self._fresh and not proved)):
            self._fresh = False
            return told + self._ike.esp_seen()
        return told

    def _keepalive(self, side: Side) -> list[Output]:
        if self._keepalives is None:
            self._keepalives = [0, 0]
        self._keepalives[side] += 1
        count = self._keepalives[side]
        if count > KEEPALIVES and count % (1 << (count.bit_length() - 5)):
            return []
        return [NatKeepalive(count=count)]

    def _foreign(self, data: bytes) -> list[Output]:
        """Neither IKE nor ESP: nothing at all where nothing was proved, else worth a word."""
        if not data:
            return []
        self._strange += 1
        if self.standing is _CLAIMED and not self._ike.heard:
            # IKE may follow a few bytes that open a mapping; with what looks like ESP it is another
            if any(self._known) or possible(data) or self._strange > STRANGERS:
                self.standing = _REFUTED
            return []
        if self._strange & (self._strange - 1):  # told when their number has doubled
            return []
        detail = f"{self._strange} datagrams that are neither IKE nor ESP, last {len(data)} bytes"
        return [Anomaly(kind="foreign-datagrams", detail=detail)]

    # -- streams -------------------------------------------------------------------------------

    def _side_frames(self, side: Side, start: Start) -> Frames:
        return Frames(self._known[side].__contains__, prefix=start.begun and side is Side.CLIENT)

    def _stream(self, side: Side, data: bytes) -> list[Output]:
        if self._deaf & 1 << side:
            return []
        frames = self._frames[side]
        told: list[Output] = []
        frames.add(data)
        try:
            while (contents := frames.take()) is not None:
                told += self._frame(side, contents)
        except WireError as error:
            self._deaf |= 1 << side
            frames.lose()
            told.append(Malformed(reason=f"TCP encapsulation: {error}"))
        return told

    def _frame(self, side: Side, contents: bytes) -> list[Output]:
        kind, offset, header = classify(contents)
        if self._frames[Side.CLIENT].prefixed and kind is not _OTHER:
            told = self._esp.vouch(side)
            self.standing = _PARSED
        else:
            told = []
        if kind is _IKE and header is not None and offset:
            return told + self._message(side, contents[offset:], header, "tcp")
        if kind is _ESP or contents[:4] in self._known[side]:
            return told + self._packet(side, contents)
        if kind is _KEEPALIVE:
            return told + self._keepalive(side)
        raise WireError(f"frame of {len(contents)} bytes is neither IKE nor ESP")

    # -- what the claim is worth ---------------------------------------------------------------

    def _announced(self) -> list[Output]:
        """The tie to the flow that announced this one, once it is what was announced."""
        tie, self._tie = self._tie, ""
        return [Tie(key=tie)] if tie else []

    def _decide(self, side: Side) -> list[Output]:
        """The flow is over: two ESP packets in sequence are enough, one alone is nothing."""
        if self._ike.heard:
            return self._late(side)
        lull = self._usual and max(self._keepalives or (0,)) >= KEEPALIVE_PROOF
        if self._esp.settle(0 if self._expected else 1) and (self._usual or self._expected):
            self.standing = _PARSED
            return self._announced() + self._esp.vouch(side)
        self.standing = _PARSED if lull else _REFUTED
        return []

    def _late(self, side: Side) -> list[Output]:
        """One message of IKE was read, and a few packets of what begins behind it."""
        if not self._ike.whole or not self._fresh or not self._esp.settle(1):
            return []
        self.standing = _PARSED
        return self._announced() + self._esp.vouch(side) + self._ike.esp_seen()
