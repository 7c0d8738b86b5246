"""One T.120 connection: who asks for a conference, what is shared in it. Bytes in, events out.

Only the beginning is read, for that is where nodes name themselves and their applications: LIMIT
bytes. Held: one packet a side, and what was told.
"""

import re

from backchannel.events import Event, Gap, Malformed
from backchannel.model import LATER, MORE, Capability, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.t120 import mcs, tpkt
from backchannel.protocols.t120.events import Conference, ConferenceApplication, ConferenceNames
from backchannel.reader import WireError

LIMIT = 1 << 20
NAMES = 16
_APPLICATIONS = (
    (b"\x05\x00\x14\x7e\x00\x01", "T.126", Capability.WHITEBOARD),
    (b"\x05\x00\x14\x7f\x00\x01", "T.127", Capability.FILE_TRANSFER),
    (b"\x06\x00\x14\x81\x00\x00\x01", "T.128", Capability.APP_SHARING),
)
"""Keys of applications in conference PDUs: the identifiers { 0 0 20 n 0 1 } with their length."""
_CONTROL = frozenset({1, 2})
"""The broadcast and the convenor's channel, where T.124 keeps its roster."""
_NAME = re.compile(rb"(?:\x00[\x20-\x7e\xa0-\xff]){3,64}")
_PARAMETERS = frozenset({0xC0, 0xC1, 0xC2})


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a conference by its T.125 connection, which must not be a remote desktop's.

    Where another flow announced it, the X.224 request is enough.
    """
    found, fits = tpkt.units(peek.client)
    if not peek.client or (not found and fits and len(peek.client) < 64):
        return MORE if b"\x03\x00"[: len(peek.client)] == peek.client[:2] else None
    if not found or found[0].code != tpkt.REQUEST or not _plain(found[0].body):
        return None
    if peek.start.service:
        return Claim("t120", evidence="X.224 connection request, announced")
    answer = _connecting(found[1:], peek.server, fits=fits)
    if answer is MORE and tpkt.is_whole(peek.client):
        return LATER  # now it is the server's turn, and what comes behind it shows itself
    return answer


def _plain(parameters: bytes) -> bool:
    """Whether X.224 parameters are ISO's own; a desktop's cookie and negotiation are not."""
    return not parameters or parameters[0] in _PARAMETERS


def _connecting(units: list[tpkt.Unit], server: bytes, *, fits: bool) -> Claim | More | None:
    answers, _ = tpkt.units(server)
    if answers and (answers[0].code != tpkt.CONFIRM or not _plain(answers[0].body)):
        return None
    if not units:
        return MORE if fits else None
    try:
        connect = mcs.read_connect(units[0].body)
    except WireError:
        return None
    if connect.desktop is not None or not connect.initial:
        return None
    return Claim("t120", evidence=f"T.125 connection, T.124 {connect.asked or 'silent'}")


class Session:
    """One connection of a data conference."""

    def __init__(self, start: Start) -> None:
        self.service = start.service or "t120"
        self.standing = Standing.CLAIMED
        self.done = False
        self._start = start
        self._sides = tpkt.Packets(), tpkt.Packets()
        self._deaf: set[Side] = set()
        self._octets = 0
        self._told: set[Event] = set()
        self._names: dict[str, None] = {}

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        out: list[Output] = []
        if side in self._deaf or self.done:
            return out
        packets = self._sides[side]
        try:
            packets.add(data)
            while (unit := packets.take()) is not None:
                self._unit(side, unit, out)
        except WireError as error:
            self._deaf.add(side)
            out.append(Malformed(reason=str(error)))
        return out

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        self._deaf.discard(side)
        self._sides[side].gap()
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is held."""
        return []

    def _unit(self, side: Side, unit: tpkt.Unit, out: list[Output]) -> None:
        self._octets += len(unit.body)
        self.done = self.done or self._octets > LIMIT
        if unit.code != tpkt.DATA or self.done:
            return
        if unit.body[:2] in (mcs.INITIAL, mcs.RESPONSE):
            self._connect(side, unit.body, out)
        elif (sent := mcs.read_sent(unit.body)) is not None:
            self._sent(*sent, out)

    def _connect(self, side: Side, body: bytes, out: list[Output]) -> None:
        try:
            connect = mcs.read_connect(body)
        except WireError as error:
            out.append(Malformed(reason=str(error)))
            return
        if connect.desktop is not None and self.standing is Standing.CLAIMED:
            self.standing, self.done = Standing.REFUTED, True
            return
        self.standing = Standing.PARSED
        out.append(
            Conference(
                asked=connect.asked,
                role="client" if side is Side.CLIENT else "server",
                use=self._start.purpose,
                accounts=self._start.accounts,
            )
        )
        self._applications(connect.data, out)

    def _sent(self, channel: int, data: bytes, out: list[Output]) -> None:
        self._applications(data, out)
        if channel not in _CONTROL or len(self._names) >= NAMES:
            return
        found = [name.decode("utf-16-be") for name in _NAME.findall(data)]
        fresh = [name for name in dict.fromkeys(found) if name not in self._names]
        fresh = fresh[: NAMES - len(self._names)]
        if fresh:
            self._names.update(dict.fromkeys(fresh))
            out.append(ConferenceNames(names=tuple(fresh)))

    def _applications(self, data: bytes, out: list[Output]) -> None:
        for key, standard, use in _APPLICATIONS:
            event = ConferenceApplication(standard=standard, use=use)
            if key in data and event not in self._told:
                self._told.add(event)
                out.append(event)
