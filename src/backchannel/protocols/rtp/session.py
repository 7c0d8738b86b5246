"""RTP between two ports: proved by counting, then summed up. Datagrams in, events out.

One header proves nothing, so a claim stands only as long as the datagrams that follow are of the
same source and count up; it is withdrawn with the first two that do not, or when the flow ends
before PROOF of them came. A flow that a call announced is spared the withdrawal. Held: a few
numbers for each of at most STREAMS sources.
"""

from functools import lru_cache
from ipaddress import ip_address
from typing import Literal

from msgspec.structs import replace

from backchannel.decoder import Decoder
from backchannel.effects import Spoken
from backchannel.events import Event, Gap, PeerAddress, Software
from backchannel.model import Capability, Claim, Endpoint, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.packed import MARK, marked
from backchannel.protocols.rtp import wire
from backchannel.protocols.rtp.events import MediaStream, Participant
from backchannel.protocols.rtp.wire import Packet
from backchannel.text import decode

PROOF = 5
"""Packets of one source in sequence that prove RTP: four steps of 16 bits, each within WINDOW."""
WINDOW = 64
"""Packets that may be missing between two in sequence."""
REMEMBERED = 256
"""Source descriptions of which it is remembered what they say: each comes again every few
seconds."""
STRIKES = 2
STREAMS = 64
ENOUGH = {False: 1000, True: 20_000}
"""Datagrams after which a flow is left alone, by whether a call announced it."""
_REPORTS = Claim("rtp", evidence="RTCP compound to its last byte")
_HEADER = Claim("rtp", evidence="RTP header that the datagrams behind it continue")
_WITHIN = Start("udp", Endpoint("", 0), Endpoint("", 0))
_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side
_CNAME, _NAME, _EMAIL, _PHONE, _LOCATION, _TOOL = range(1, 7)


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow whose first datagrams could be RTP, or are RTCP; the session has to prove it."""
    client, server = _kind(peek.client), _kind(peek.server)
    if not (client or server):
        return None
    if not peek.start.service and ((peek.client and not client) or (peek.server and not server)):
        return None
    if "RTCP" in (client, server):
        return _REPORTS
    return _HEADER


def _kind(data: bytes) -> str:
    if not data:
        return ""
    if wire.read_compound(data) is not None:
        return "RTCP"
    if wire.read_packet(data) is None or wire.looks_like_dns(data):
        return ""
    return "RTP"


class _Stream:
    """One source's packets."""

    __slots__ = (
        "first",
        "highest",
        "octets",
        "packets",
        "payloads",
        "side",
        "ssrc",
        "streak",
        "told",
    )

    def __init__(self, side: Side, packet: Packet) -> None:
        self.side, self.ssrc = side, packet.ssrc
        self.payloads = bytes((packet.payload,))
        """Types of payload, four at most."""
        self.first = self.highest = packet.sequence
        self.streak = self.packets = 1
        self.octets = packet.size
        self.told = False

    def add(self, packet: Packet) -> bool:
        """Take the next packet; False when it does not follow."""
        if packet.payload not in self.payloads and len(self.payloads) < 4:
            self.payloads += bytes((packet.payload,))
        self.packets += 1
        self.octets += packet.size
        step = (packet.sequence - self.highest) & 0xFFFF
        if 0 < step <= WINDOW:
            self.highest += step  # grows beyond 16 bits, so that losses can be counted
            self.streak += 1
            return True
        if step > 0xFFFF - WINDOW or step == 0:  # late, or sent twice
            return True
        self.streak = 1
        self.first = self.highest = packet.sequence
        return False

    def lost(self) -> int:
        """Packets between the first and the last that were not seen (RFC 3550 appendix A.3)."""
        return max(0, self.highest - self.first + 1 - self.packets)


class Session(Decoder):
    """One flow of RTP, RTCP or both."""

    def __init__(self, start: Start, service: str = "") -> None:
        """*service*: whose call it is, where another session of this flow knows."""
        self.done = False
        self.service = service or start.service or "rtp"
        self.standing = _CLAIMED
        self._accounts = start.accounts
        self._announced = bool(service or start.service)
        self._enough = ENOUGH[self._announced]
        self._streams: tuple[_Stream, ...] = ()
        self._strikes = 0
        self._told = b""
        self._datagrams = 0

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*."""
        if self.standing is _REFUTED or self.done:
            return []
        out = self._take(side, data)
        self._datagrams += 1
        if self._datagrams >= self._enough and self.standing is _PARSED:
            self.done = True
            for each in (_CLIENT, _SERVER):
                out += [Spoken(side=each), *self._sums(each, "counted")]
        return out

    def _take(self, side: Side, data: bytes) -> list[Output]:
        packet = wire.read_packet(data)
        if packet is not None:
            return self._media(side, packet)
        reports = wire.read_compound(data)
        if reports is not None:
            self.standing = _PARSED
            return self._control(reports)
        if len(data) > 4 and not wire.is_stun(data):
            self._strike()
        return []

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Datagrams have no holes; only a truncated capture says so."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* sends no more: sum up, or withdraw what was never proved."""
        if self.standing is _CLAIMED and not self._announced:
            self.standing = _REFUTED
        if self.standing is _REFUTED:
            return []
        return [*self._sums(side, "ends")]

    def _sums(self, side: Side, state: Literal["ends", "counted"]) -> list[MediaStream]:
        """Sum up the streams of *side* and forget them."""
        told = [
            self._stream(state, stream)
            for stream in self._streams
            if stream.side == side and stream.told
        ]
        self._streams = tuple([stream for stream in self._streams if stream.side != side])
        return told

    def _strike(self) -> None:
        self._strikes += 1
        if self._strikes >= STRIKES and self.standing is _CLAIMED and not self._announced:
            self.standing = _REFUTED

    def _media(self, side: Side, packet: Packet) -> list[Output]:
        others = False
        for stream in self._streams:
            if stream.side == side:
                if stream.ssrc == packet.ssrc:
                    return self._more(stream, packet)
                others = True
        if others:
            self._strike()
        if len(self._streams) < STREAMS:
            self._streams += (_Stream(side, packet),)
        return []

    def _more(self, stream: _Stream, packet: Packet) -> list[Output]:
        if not stream.add(packet):
            self._strike()
        if stream.streak < PROOF or stream.told:
            return []
        stream.told = True
        if self.standing is _CLAIMED:
            self.standing = _PARSED
        return [self._stream("begins", stream)]

    def _stream(self, state: Literal["begins", "ends", "counted"], stream: _Stream) -> MediaStream:
        names: list[str] = []
        media: Literal["audio", "video", ""] = ""
        for number in sorted(stream.payloads):
            name = wire.payload_name(number)
            if name not in names:
                names.append(name)
            if not media and number in wire.PAYLOADS:
                media = wire.PAYLOADS[number][1]
        over = state != "begins"
        return MediaStream(
            state=state,
            ssrc=f"{stream.ssrc:08x}",
            payload=", ".join(names),
            media=media,
            accounts=self._accounts,
            packets=stream.packets if over else 0,
            octets=stream.octets if over else 0,
            lost=stream.lost() if over else 0,
        )

    def _control(self, reports: list[wire.Report]) -> list[Output]:
        """Tell what participants say of themselves, once."""
        events = [
            event for report in reports if report.kind == wire.SDES for event in _described(report)
        ]
        fresh: list[Output] = []
        for event in events:
            told = marked(self._told, event)
            if told is not self._told:
                fresh.append(event)
                if len(told) <= STREAMS * MARK:
                    self._told = told
        return fresh


def within(service: str, accounts: tuple[str, ...]) -> Session:
    """Return a session of media in another session's flow: a call of *service* by *accounts*."""
    start = replace(_WITHIN, accounts=accounts) if accounts else _WITHIN
    return Session(start, service)


@lru_cache(maxsize=REMEMBERED)
def _described(report: wire.Report) -> list[Event]:
    """Return what the source descriptions of a report say."""
    chunks = wire.descriptions(report)
    return [event for ssrc, items in chunks for event in _source(ssrc, items)]


def _source(ssrc: int, items: dict[int, bytes]) -> list[Event]:
    """Return what one chunk of a source description says."""
    told = {kind: decode(text) for kind, text in items.items()}
    cname = told.get(_CNAME, "")
    events: list[Event] = [
        Participant(
            ssrc=f"{ssrc:08x}",
            cname=cname,
            name=told.get(_NAME, ""),
            email=told.get(_EMAIL, ""),
            phone=told.get(_PHONE, ""),
            location=told.get(_LOCATION, ""),
        )
    ]
    if tool := told.get(_TOOL):
        events.append(Software(name=tool, role="peer", account=cname))
    host = cname.rpartition("@")[2]
    if _is_address(host):
        use = Capability.VOICE_VIDEO
        events.append(
            PeerAddress(use=use, account=cname, address=host, transport="udp", how="rtcp-cname")
        )
    return events


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
