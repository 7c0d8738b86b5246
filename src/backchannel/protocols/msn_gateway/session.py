"""MSNP inside HTTP: one connection to a gateway, or to a proxy on the way to it.

    POST [http://host]/gateway/gateway.dll?Action=open&Server=NS&IP=messenger.hotmail.com
    POST ..gateway.dll?SessionID=123.456        the body is what the client sends
    POST ..gateway.dll?Action=poll&SessionID=.. no body; the answer's is what the server sends
    X-MSN-Messenger: SessionID=123.457; GW-IP=..; Session=close     in each answer

The part of a SessionID before the dot names the session, whatever TCP connections carry it: one
inner stream, shared among flows, identified afresh. The client's address is part of its name, so
that a request seen twice, before and behind a proxy, does not feed one stream twice. Holds HTTP's
heads and the first request's body (64 KiB) until the answer names the session. Sources: NINA wiki
`HTTP Gateway`, libpurple 2.10.9 `httpconn.c`, Escargot `gateway.py`.
"""

import re
from collections import deque
from urllib.parse import parse_qs

import msgspec

from backchannel.effects import Inner, InnerEnd, InnerGap, Open
from backchannel.events import Gap, Malformed, ProxyRequest
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import PEEK_LIMIT, Output, Peek, Start
from backchannel.protocols.http import auth
from backchannel.protocols.http.carried import Carried
from backchannel.protocols.http.heads import Head
from backchannel.protocols.http.wire import Body, Broken, Done, Skipped, Told

PORT = 1863
"""Gateways go on to this port; requests name none."""
MAX_HELD = 65536
MAX_ASKED = 64
_REQUEST = re.compile(
    rb"POST (?:http://[^/\s]{1,300})?/gateway/gateway\.dll\?"
    rb"(?:(?:Action|SessionID)=[^\s]|[^\s]{1,2000} HTTP/1\.[01]\r?\n)",  # the line may be cut
    re.IGNORECASE,
)
_PARTIAL = re.compile(rb"P|PO|POS|POST|POST [!-~]{0,2400}(?: [HTP/1.0]{0,8}\r?)?")
_ANSWER = re.compile(
    rb"HTTP/1\.[01] 200[^\n]*\n(?:[^\r\n][^\n]*\n){0,32}?X-MSN-Messenger: *SessionID=",
    re.IGNORECASE,
)
_STATUS = b"HTTP/1."
_END = re.compile(rb"\n\r?\n")


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a request to the gateway, or an answer that names a session."""
    if peek.transport != "tcp":
        return None
    for flipped, request, answer in (
        (False, peek.client, peek.server),
        (True, peek.server, peek.client),
    ):
        if flipped and peek.begun:
            break
        if _REQUEST.match(request):
            return Claim("msn-gateway", evidence="POST to gateway.dll", flipped=flipped)
        if _ANSWER.match(answer) and not request:
            return Claim("msn-gateway", evidence="X-MSN-Messenger header", flipped=flipped)
        if _PARTIAL.fullmatch(request) or (not request and _may_answer(answer)):
            return MORE
    return None


def _may_answer(head: bytes) -> bool:
    """Say whether the beginning of an answer has room yet for the gateway's header."""
    if len(head) < len(_STATUS):
        return head != b"" and _STATUS.startswith(head)
    return head.startswith(_STATUS) and len(head) < PEEK_LIMIT and not _END.search(head)


class _Exchange(msgspec.Struct):
    """A request, until its answer has come."""

    channel: str
    opens: bool = False
    ours: bool = True
    host: str = ""
    server: str = ""
    held: bytearray = msgspec.field(default_factory=bytearray)


class Session(Carried):
    """One TCP connection."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.service = "msn"
        self._client = start.client.address
        self._auth = auth.Authentication()
        self._asked: deque[_Exchange] = deque()
        self._sending: _Exchange | None = None
        """Whose body the client sends now."""
        self._answering = ""
        """Channel of the answer that comes now."""
        self._opened: set[str] = set()
        self._closing = False
        self.aligned = False
        """Whether a whole request to a gateway came, which nothing else looks like."""
        self.amid = True
        """What a request carries may be the rest of something."""

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen; the inner stream learns its part of it."""
        told = self._talk.gap(side, size)
        out: list[Output] = [Gap(size=size), *self._tell(told)]
        left = size - sum(item.size for _, item in told if isinstance(item, Skipped))
        channel = self._channel(side)
        if left > 0 and channel:
            out.append(InnerGap(side=side, size=left, channel=channel, shared=True))
        return out

    def _tell(self, told: Told) -> list[Output]:
        out: list[Output] = []
        for side, item in told:
            match item:
                case Head():
                    out += self._request(item) if item.request else self._answer(item)
                case Body(data):
                    out += self._body(side, data)
                case Skipped(size):
                    if channel := self._channel(side):
                        out.append(InnerGap(side=side, size=size, channel=channel, shared=True))
                case Done():
                    out += self._finished(side)
                case Broken(reason):
                    out.append(Malformed(reason=reason))
                case _:
                    pass
        return out

    # -- requests ------------------------------------------------------------------------------

    def _request(self, head: Head) -> list[Output]:
        path, _, asked = head.target[:4096].partition("?")
        query = {name.lower(): values[0] for name, values in parse_qs(asked).items()}
        exchange = _Exchange(self._name(query.get("sessionid", "")))
        exchange.ours = path.lower().endswith("/gateway.dll")
        exchange.opens = query.get("action", "").lower() == "open"
        exchange.host = query.get("ip", "")[:253]
        exchange.server = query.get("server", "")[:8]
        self._sending = exchange
        self._asked.append(exchange)
        if len(self._asked) > MAX_ASKED:
            self._asked.popleft()
        told: list[Output] = list(self._auth.offered(head.all("proxy-authorization"), head.method))
        if not exchange.ours:
            return told
        if exchange.opens:
            command = f"open {exchange.server}".strip()
            told.append(ProxyRequest(scheme="http", command=command, host=exchange.host, port=PORT))
        elif exchange.channel:
            told += self._open(exchange.channel, "")
        return told

    def _name(self, session: str) -> str:
        short = session.partition(".")[0][:128]
        return f"{short}@{self._client}" if short else ""

    def _open(self, channel: str, host: str) -> list[Output]:
        if channel in self._opened:
            return []
        if len(self._opened) >= MAX_ASKED:
            self._opened.clear()
        self._opened.add(channel)
        port = PORT if host else 0
        return [Open(channel=channel, shared=True, host=host, port=port, label="http")]

    # -- answers -------------------------------------------------------------------------------

    def _answer(self, head: Head) -> list[Output]:
        exchange = self._asked.popleft() if self._asked else None
        self._auth.challenged(head.all("proxy-authenticate"))
        header = head.get("x-msn-messenger")
        fields = dict(part.strip().partition("=")[::2] for part in header.split(";")[:16])
        channel = self._name(fields.get("SessionID", ""))
        if not channel and exchange and exchange.ours and not exchange.opens:
            channel = exchange.channel
        self._answering = channel if head.status == 200 else ""
        self._closing = fields.get("Session", "").lower() == "close"
        if not self._answering:
            return []
        self.standing = Standing.PARSED
        told = self._open(channel, exchange.host if exchange else "")
        if exchange and exchange.opens:
            exchange.channel = channel
            told += self._release(exchange)
        return told

    def _release(self, exchange: _Exchange) -> list[Output]:
        """The session has its name now: hand on what the client said first."""
        data, exchange.held = bytes(exchange.held), bytearray()
        if not data:
            return []
        return [Inner(side=Side.CLIENT, data=data, channel=exchange.channel, shared=True)]

    # -- bodies --------------------------------------------------------------------------------

    def _body(self, side: Side, data: bytes) -> list[Output]:
        exchange = self._sending
        if side is Side.CLIENT and exchange and exchange.ours and not exchange.channel:
            room = MAX_HELD - len(exchange.held)
            exchange.held += data[:room]
            return []
        channel = self._channel(side)
        if not channel:
            return []
        return [Inner(side=side, data=data, channel=channel, shared=True)]

    def _channel(self, side: Side) -> str:
        if side is Side.SERVER:
            return self._answering
        exchange = self._sending
        return exchange.channel if exchange and exchange.ours else ""

    def _finished(self, side: Side) -> list[Output]:
        if side is Side.CLIENT:
            self.aligned = self.aligned or (self._sending is not None and self._sending.ours)
            self._sending = None
            return []
        channel, self._answering = self._answering, ""
        if not self._closing or not channel:
            return []
        self._closing = False
        return [InnerEnd(channel=channel, shared=True)]
