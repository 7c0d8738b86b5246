"""One TCP connection to OSCAR's HTTP gateway.

    GET /hello                   the answer brings a session id and the gateway to use
    GET /monitor?sid=SID         the answer brings what OSCAR servers sent
    POST /data?sid=SID&seq=N     the body is what the client sends

A session's connections to OSCAR servers are numbered. Each is one inner stream, shared among the
flows that carry it and identified afresh; its name is session id, number and the client's address,
so that a request seen twice, before and behind a proxy, does not feed one stream twice. Holds the
heads that `http.wire` holds, one packet a side, and the names of MAX_OPEN streams.
"""

import re
from collections.abc import Iterator

from backchannel.effects import Expect, Inner, InnerEnd, InnerGap, Open, Tie
from backchannel.events import Gap, Malformed, ProxyAnswer, ProxyRequest
from backchannel.model import MORE, Capability, Claim, More, Side, Standing
from backchannel.patterns import later
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.bounded import remember
from backchannel.protocols.http.carried import Carried
from backchannel.protocols.http.heads import Head
from backchannel.protocols.http.wire import Body, Broken, Done, Skipped, Told
from backchannel.protocols.oscar_http import wire
from backchannel.reader import Reader, WireError

SCHEME = "oscar-http"
MAX_OPEN = 64
_SID = rb"sid=[0-9A-Fa-f]{32}"
_REQUEST = later(
    rb"(?:GET (/hello)|GET /monitor\?" + _SID + rb"|POST /data\?" + _SID + rb"&seq=\d{1,10})"
    rb" HTTP/1\.[01]\r?\n"
)
_TARGET = later(r"/(?:hello$|monitor\?sid=([0-9A-Fa-f]{32})$|data\?sid=([0-9A-Fa-f]{32})&)")
_HELLO_HOST = later(rb"\nHost: (?:[\w.-]{0,200}\.)?(?:icq|aol)\.com[:\r\n]", re.IGNORECASE)
_WORDS = (b"GET /hello", b"GET /monitor?", b"POST /data?")
_PARTIAL = later(
    rb"(?:GET /hello|(?:GET /monitor|POST /data)\?[sid=]{1,4}[0-9A-Fa-f]{0,32}[&seq=\d]{0,15})"
    rb"(?: [HTP/1.0]{0,8}\r?)?"
)


def recognise(peek: Peek) -> Claim | More | None:
    """Claim the gateway's requests; `/hello` alone only where Host names the service."""
    if peek.transport != "tcp":
        return None
    if claim := _request(peek.client, flipped=False):
        return claim
    return None if peek.begun else _request(peek.server, flipped=True)


def _request(data: bytes, *, flipped: bool) -> Claim | More | None:
    found = _REQUEST.match(data)
    if found is None:
        opens = data and any(word.startswith(data) for word in _WORDS)
        return MORE if opens or _PARTIAL.fullmatch(data) else None
    if found[1] and not _HELLO_HOST.search(data):
        return MORE if b"\n\r\n" not in data and b"\n\n" not in data else None
    return Claim("oscar-http", evidence="request to the gateway", flipped=flipped)


class _Lane:
    """One side's body."""

    def __init__(self) -> None:
        self.session = ""
        self.packets: wire.Packets | None = None
        """None if the body, or the rest of it, is not the gateway's."""
        self.channel = ""
        """Stream of the last packet."""


class Session(Carried):
    """One TCP connection."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.service = "icq"
        self._client = start.client.address
        self._lanes = _Lane(), _Lane()
        self._opened = dict[str, None]()
        self._tied = ""

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen; the inner stream learns of it."""
        lane = self._lanes[side]
        told: list[Output] = [Gap(size=size)]
        if lane.channel in self._opened:
            told.append(InnerGap(side=side, size=size, channel=lane.channel, shared=True))
        return told + self._tell(self._talk.gap(side, size))

    def _tell(self, told: Told) -> list[Output]:
        out: list[Output] = []
        for side, item in told:
            lane = self._lanes[side]
            match item:
                case Head():
                    out += self._head(lane, item)
                case Body(data) if lane.packets is not None:
                    out += self._body(side, lane, lane.packets, data)
                case Skipped():
                    lane.packets = None
                case Done():
                    out += self._finished(lane)
                case Broken(reason):
                    out.append(Malformed(reason=reason))
                case _:
                    pass
        return out

    def _head(self, lane: _Lane, head: Head) -> Iterator[Output]:
        found = _TARGET.match(head.target)
        posted = head.target.startswith("/data")
        # What answers a post is of no matter, nor is a body that comes with a poll.
        carries = found and (posted if head.request else not posted and head.status == 200)
        lane.packets = wire.Packets() if carries else None
        lane.session = (found[1] or found[2] or "").lower() if found else ""
        if head.request and found:
            self._serve(head.get("host"))
            yield from self._tie(lane.session)

    def _serve(self, host: str) -> None:
        """The names of AOL's servers show which of its two services this is."""
        if ".aol." in host.lower():
            self.service = "aim"
        elif ".icq." in host.lower():
            self.service = "icq"

    def _tie(self, session: str) -> Iterator[Output]:
        if session and session != self._tied:
            self._tied = session
            yield Tie(key=f"{session}@{self._client}")

    def _finished(self, lane: _Lane) -> Iterator[Output]:
        if lane.packets is not None and lane.packets.waiting:
            yield Malformed(reason="a body ends amid a packet of the HTTP gateway")
        lane.packets = None

    def _body(self, side: Side, lane: _Lane, packets: wire.Packets, data: bytes) -> list[Output]:
        out: list[Output] = []
        try:
            for packet in packets.feed(data):
                self.standing = Standing.PARSED
                out += self._packet(side, lane, packet)
        except WireError as error:
            lane.packets = None
            out.append(Malformed(reason=str(error)))
        return out

    def _packet(self, side: Side, lane: _Lane, packet: wire.Packet) -> Iterator[Output]:
        try:
            yield from self._read(side, lane, packet)
        except WireError as error:
            yield Malformed(reason=str(error))

    # -- packets -------------------------------------------------------------------------------

    def _read(self, side: Side, lane: _Lane, packet: wire.Packet) -> Iterator[Output]:
        reader = Reader(packet.data)
        if packet.kind == wire.HELLO and side is Side.SERVER:
            yield from self._hello(reader)
            return
        lane.channel = f"{lane.session}/{packet.connection}@{self._client}"
        match packet.kind:
            case wire.CONNECT if side is Side.CLIENT:
                host, port = wire.target(reader)
                self._serve(host)
                yield ProxyRequest(scheme=SCHEME, command="connect", host=host, port=port)
                yield from self._open(lane.channel, host, port)
            case wire.CONNECTED if side is Side.SERVER:
                code = reader.u8() if reader else 0
                yield ProxyAnswer(scheme=SCHEME, accepted=not code, code=str(code))
            case wire.DATA:
                yield from self._open(lane.channel)
                yield Inner(side=side, data=packet.data, channel=lane.channel, shared=True)
            case wire.CLOSE if side is Side.CLIENT:
                yield InnerEnd(side=side, channel=lane.channel, shared=True)
            case wire.CLOSED if side is Side.SERVER:
                self._opened.pop(lane.channel, None)
                yield InnerEnd(channel=lane.channel, shared=True)
            case _:
                yield Malformed(reason=f"unexpected packet of type {packet.kind}")

    def _hello(self, reader: Reader) -> Iterator[Output]:
        session = wire.session_id(reader)
        host, port = wire.target(reader)
        yield from self._tie(session)
        yield Expect(
            protocol="oscar-http",
            purpose=Capability.LOGIN,
            address=host,
            port=port or 80,
            source=self._client,
            repeat=True,
        )

    def _open(self, channel: str, host: str = "", port: int = 0) -> Iterator[Output]:
        if channel in self._opened:
            return
        remember(self._opened, channel, None, MAX_OPEN)
        yield Open(channel=channel, shared=True, host=host, port=port, label="http")
