"""One flow of a meeting: to a media server, or to another client. Datagrams in, events out.

    opening, answer -> whose flow it is          bind -> which meeting, and for which kind of media
    media -> RTP of voice and video, counted by `rtp`; of screens that they are shared

Proved by an answer with the question's number, by a number that both sides have for the flow at
different places, by pings repeated twice while their counts go on, by RTCP, or by a second packet
of RTP that follows the first. Screens may begin late on a direct flow,
so it is looked at until one does; others are left alone after WATCHED datagrams. Held: what `rtp`
holds, a few numbers and TOLD marks.
"""

from hashlib import sha256
from typing import Literal, TypeAlias

from msgspec.structs import replace

from backchannel.decoder import Decoder
from backchannel.effects import Spoken, Tie
from backchannel.events import Gap, PeerAddress
from backchannel.model import Capability, Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.packed import MARK, marked
from backchannel.protocols.rtp.events import MediaStream
from backchannel.protocols.rtp.session import Session as Media
from backchannel.protocols.rtp.session import within
from backchannel.protocols.rtp.wire import Packet, payload_name, read_compound, read_packet
from backchannel.protocols.zoom import wire
from backchannel.protocols.zoom.events import ZoomFlow, ZoomMedia
from backchannel.protocols.zoom.recognise import recognise
from backchannel.protocols.zoom.wire import (
    BIND,
    DIRECT,
    KINDS,
    MEDIA,
    OPENING,
    OUTER,
    PING,
    PONG,
    REPORT,
    SCREEN,
    VOICE,
    Inner,
)

__all__ = ["Session", "recognise"]

WATCHED = 20_000
TOLD = 64
STRIKES = 3
STEP = 64
"""Packets that may be missing between two that prove each other."""
State: TypeAlias = Literal["begins", "ends", "counted"]
MOST_ON = 1 << 20
"""How far a ping's count and milliseconds may be from those of one before."""
_PING_S = 1 << PING
_VOICE = Capability.VOICE_VIDEO
_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side


class Session(Decoder):
    """One flow."""

    def __init__(self, start: Start) -> None:
        self.service = "zoom"
        self.standing = _CLAIMED
        self.done = False
        self._client, self._accounts = start.client.address, start.accounts
        self._asked = self._call = b""
        """The id of what waits for an answer; the call's, on a direct flow."""
        self._caller = -1
        """Who said so first."""
        self._header = OUTER
        """Bytes before an inner packet: those of version 2 have one, and direct ones none."""
        self._number = b""
        """The server's for the flow, as first seen."""
        self._places: tuple[int, int] = (0, 0)
        """Where each side had it, as bits."""
        self._pings: tuple[bytes, bytes] = (b"", b"")
        """The last one of each side, until it is proved."""
        self._repeated: tuple[bytes, bytes] = (b"", b"")
        """Count and time of each side's last ping that the other one repeated."""
        self._last: tuple[Packet | None, Packet | None] = (None, None)
        """The packet before, of each side, until it is proved."""
        self._media: dict[int, Media] = {}
        """What counts voice, and what video; made with the first packet."""
        self._told = b""
        self._heard = self._strange = 0
        self._screens = False
        self._kinds = 0
        """A bit for each kind of media, eight for each side, of which the first packet came."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*."""
        if self.done or self.standing is _REFUTED:
            return []
        told = self._take(side, data)
        self._heard += 1
        if self._heard >= WATCHED and (self._header or self._screens):
            self.done = True
            for each in (_CLIENT, _SERVER):
                told += [Spoken(side=each), *self._sums(each, "counted")]
        return told

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Datagrams have no holes; only a truncated capture says so."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* sends no more."""
        return [] if self.done or self.standing is _REFUTED else self._sums(side, "ends")

    def _take(self, side: Side, data: bytes) -> list[Output]:
        first, octets = 0xFF, data
        if data:
            first = octets[0]
        if first == MEDIA and self._header:
            if self.standing is _CLAIMED and self._header == OUTER:
                known = self._known(side, data) and self._is_agreed()
                if known and wire.read_inner(data, OUTER) is None:
                    return []
            return self._inner(side, data, self._header)
        if first == DIRECT and (attempt := wire.read_direct(data)) is not None:
            return self._attempt(side, attempt)
        if not first:
            return self._stun(side, data)
        if OPENING <= first < PING:
            return self._opening(side, data)
        if self._header:
            if PING <= first <= wire.END:
                return [] if self._known(side, data) else self._strike()
            if self.standing is _PARSED or wire.read_inner(data, 0) is None:
                return self._strike()
            self._header = 0  # met midway, from client to client
        return self._inner(side, data, 0)

    # -- how it begins -----------------------------------------------------------------------------

    def _opening(self, side: Side, data: bytes) -> list[Output]:
        """Take an opening or its answer."""
        if number := wire.opening(data):
            self._ask(side, number)
        elif number := wire.answer(data):
            if number == self._asked and side is _SERVER:
                self.standing = _PARSED
            self._known(side, data)
        else:
            return self._strike()
        self._header = OUTER if data[2] == 3 else 1
        return []

    def _stun(self, side: Side, data: bytes) -> list[Output]:
        """Take a question for one's own address, or where a server sees who asked."""
        if number := wire.question(data):
            self._ask(side, number)
            return []
        found = wire.told(data)
        if found is None:
            return self._strike()
        number, address, port = found
        if number != self._asked or side is not _SERVER:
            return []  # nobody asked
        self.standing = _PARSED
        if address == self._client:
            return []
        return self._address(address, port, "stun-mapped")

    def _ask(self, side: Side, number: bytes) -> None:
        if side is _CLIENT:
            self._asked = number

    def _attempt(self, side: Side, attempt: wire.Attempt) -> list[Output]:
        """Take what one client says to another."""
        self._header = 0
        told: list[Output] = []
        if self._caller < 0:
            self._call, self._caller = attempt.call, side
            told.append(_tie(attempt.call))
        elif attempt.call == self._call and self._caller != side:
            self.standing = _PARSED
        return told + self._address(attempt.address, attempt.port, "zoom-direct")

    def _address(self, address: str, port: int, how: str) -> list[Output]:
        if not self._fresh((address, port)):
            return []
        return [
            PeerAddress(
                use=_VOICE, account="", address=address, port=port, transport="udp", how=how
            )
        ]

    def _known(self, side: Side, data: bytes) -> bool:
        """Take the number that a server has for the flow; say whether it is the flow's."""
        if self.standing is not _CLAIMED:
            return True
        number = wire.cookie(data)
        if not number or (self._number and number != self._number):
            return False
        self._number = number
        kind = data[0]
        bit = _PING_S if PING <= kind <= PONG else 1 << kind
        client, server = self._places
        if side is _SERVER:
            server |= bit
        else:
            client |= bit
        self._places = client, server
        if client and server and self._is_agreed():
            self._prove()
        elif bit == _PING_S:
            self._ping(side, data)
        return True

    def _is_agreed(self) -> bool:
        """Whether the number was at two places, in packets of different kinds."""
        both = self._places[0] | self._places[1]
        return both & both - 1 != 0

    def _ping(self, side: Side, data: bytes) -> None:
        """Take a ping, or what repeats one: a second time its count and time must have gone on."""
        client, server = self._pings
        if data[0] == PING:
            self._pings = (client, data) if side is _SERVER else (data, server)
            return
        asked = client if side is _SERVER else server
        if not wire.answers_ping(asked, data):
            return
        said, before = data[1:9], self._repeated[1 - side]
        client, server = self._repeated
        self._repeated = (said, server) if side is _SERVER else (client, said)
        if before and _goes_on(before, said, 0) and _goes_on(before, said, 4):
            self._prove()

    def _prove(self) -> None:
        self.standing = _PARSED
        self._pings = self._repeated = (b"", b"")

    # -- media -------------------------------------------------------------------------------------

    def _inner(self, side: Side, data: bytes, at: int) -> list[Output]:
        inner = wire.read_inner(data, at)
        if inner is None:
            # once it is proved: of a server's flow there are kinds that nobody has described
            return self._strike()
        if inner.kind == BIND:
            return self._bind(inner)
        body = data[inner.start :]
        if inner.kind == REPORT:
            if read_compound(body) is not None:
                self.standing = _PARSED
            return self._counted(side, body, VOICE)
        packet = read_packet(body)
        if packet is None:
            return self._strike()
        if self.standing is _CLAIMED:
            self._follow(side, packet)
        told = self._first(side, inner.kind, packet)
        if inner.kind == SCREEN:
            self._screens = True
            return told
        return told + self._counted(side, body, inner.kind)

    def _first(self, side: Side, kind: int, packet: Packet) -> list[Output]:
        """Tell of the first packet of a kind that *side* sends."""
        bit = 1 << kind + 8 * side
        if self._kinds & bit:
            return []
        self._kinds |= bit
        return [
            ZoomMedia(
                media=KINDS[kind],
                ssrc=f"{packet.ssrc:08x}",
                payload=payload_name(packet.payload),
                path="server" if self._header else "direct",
            )
        ]

    def _follow(self, side: Side, packet: Packet) -> None:
        """Whether a packet follows the one before proves what both are."""
        client, server = self._last
        last = server if side is _SERVER else client
        self._last = (client, packet) if side is _SERVER else (packet, server)
        if last is None or last.ssrc != packet.ssrc:
            return
        if 0 < (packet.sequence - last.sequence) & 0xFFFF <= STEP:
            self.standing = _PARSED
            self._last = (None, None)

    def _counted(self, side: Side, body: bytes, kind: int) -> list[Output]:
        """Count one packet of voice or video, or take a report on them."""
        media = self._media.get(kind)
        if media is None:
            media = self._media[kind] = within(self.service, self._accounts)
        told = media.feed(side, body)
        return _named(told, kind, "begins") if told else told

    def _bind(self, inner: Inner) -> list[Output]:
        """Take which meeting a flow belongs to, and what for."""
        if not self._fresh((inner.meeting, inner.use)):
            return []
        return [_tie(inner.meeting), ZoomFlow(media=KINDS[inner.use])]

    def _sums(self, side: Side, state: State) -> list[Output]:
        """Sum up what *side* sent."""
        told: list[Output] = []
        for kind, media in self._media.items():
            told += _named(media.end(side), kind, state)
        return told

    # -- what it is --------------------------------------------------------------------------------

    def _strike(self) -> list[Output]:
        """Something is not Zoom's: too often before anything was proved, and none of it is."""
        if self.standing is _CLAIMED:
            self._strange += 1
            if self._strange >= STRIKES:
                self.standing = _REFUTED
        return []

    def _fresh(self, what: object) -> bool:
        """Whether *what* was not told before, and there is room to remember it."""
        told = marked(self._told, what)
        if told is self._told or len(told) > TOLD * MARK:
            return False
        self._told = told
        return True


def _goes_on(before: bytes, after: bytes, at: int) -> bool:
    """Whether the number of four bytes at *at* counted up."""
    first, then = (int.from_bytes(data[at : at + 4], "big") for data in (before, after))
    return 0 < (then - first) & 0xFFFFFFFF <= MOST_ON


def _tie(meeting: bytes) -> Tie:
    """Join the flows of one meeting; its number is nobody's business."""
    return Tie(key=f"zoom/{sha256(meeting).hexdigest()[:32]}")


def _named(told: list[Output], kind: int, state: State) -> list[Output]:
    """Say of streams what Zoom says of them, as its types of payload are its own. Its reports name
    nobody.
    """
    return [
        replace(event, media=KINDS[kind], state=state)
        for event in told
        if isinstance(event, MediaStream)
    ]
