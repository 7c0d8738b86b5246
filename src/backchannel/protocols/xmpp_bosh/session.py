"""XMPP inside HTTP (XEP-0124, XEP-0206): one connection to a connection manager.

    POST /http-bind   <body rid='1' to='a.example' xmlns='http://jabber.org/protocol/httpbind'/>
    200 OK            <body sid='x' authid='y' ..><stream:features/></body>
    POST /http-bind   <body rid='2' sid='x' ..>stanzas</body>     its answer: stanzas, or waits

What the bodies carry, whichever connections bring them, is one stream of XMPP: an inner stream,
shared among flows, named by the session's id and the client's address. The root that BOSH leaves
out is put before it. Holds HTTP's heads and one body a side, at most LARGEST bytes.
"""

import re
from collections import deque
from xml.sax.saxutils import escape

import msgspec

from backchannel.contract import PEEK_LIMIT
from backchannel.effects import Inner, InnerEnd, Open
from backchannel.events import Malformed
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.patterns import later
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.http.carried import Carried
from backchannel.protocols.http.heads import Head
from backchannel.protocols.http.turned import either_way
from backchannel.protocols.http.wire import Body, Broken, Done, Skipped, Told
from backchannel.protocols.xmpp.elements import unescape
from backchannel.protocols.xmpp.unicode import utf8
from backchannel.text import utf8 as text

PORT = 5222
"""Connection managers go on to this port; requests name none."""
LARGEST = 1 << 19
MAX_ASKED = 64
NAMESPACE = b"http://jabber.org/protocol/httpbind"
_POST = later(rb"POST [^\s]{1,4096} HTTP/1\.[01]\r?\n")
_HEAD_END = later(rb"\n\r?\n")
_START = rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml\s[^<>?]*+\?>\s*+)?"
_TAG = later(
    _START + rb"(<(?:[\w.-]{1,32}+:)?body(?=[\s/>]))"
    rb"((?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+)>"
)
"""The opening tag of a body; a value may hold `>`."""
_BEGUN = later(
    _START
    + rb"(?:<(?:(?:[\w.-]{1,32}+:)?body\s.*|[\w.:-]{0,40}+|\?(?:x(?:m(?:l[^<>]{0,200}+)?)?)?))?\Z"
    rb"|\xef\xbb?\Z",
    re.DOTALL,
)
"""What may still become one."""
_CLOSING = later(rb"</(?:[\w.-]{1,32}+:)?body\s*+>\s*+\Z")
_ATTRIBUTE = later(rb"\s([\w:.-]{1,32}+)\s*=\s*(?:'([^'<]*+)'|\"([^\"<]*+)\")")
_ROOT = (
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    b" version='1.0'%s>"
)


@either_way
def recognise(peek: Peek) -> Claim | More | None:
    """Claim a request whose body is of BOSH's namespace."""
    data = peek.client
    if peek.transport != "tcp" or not data.startswith(b"POST "[: len(data)]):
        return None
    end = _HEAD_END.search(data)
    if end is None:
        return MORE if len(data) < PEEK_LIMIT else None
    if not _POST.match(data):
        return None
    body = utf8(data[end.end() :])
    found = _TAG.match(body)
    if found is None:
        return MORE if len(data) < PEEK_LIMIT and _BEGUN.match(body) else None
    spaces = {value for name, value in _attributes(found[2]).items() if name[:5] == b"xmlns"}
    return Claim("xmpp-bosh", evidence="POST of a BOSH body") if NAMESPACE in spaces else None


def _attributes(tag: bytes) -> dict[bytes, bytes]:
    """Return the attributes of a tag; of names with a prefix `restart` without it."""
    found: dict[bytes, bytes] = {}
    for name, single, double in _ATTRIBUTE.findall(tag):
        word = b"restart" if name.endswith(b":restart") else name
        value = single or double
        found[word] = unescape(text(value)).encode() if b"&" in value else value
    return found


def _read(body: bytes) -> tuple[dict[bytes, bytes], bytes] | None:
    """Return the attributes of a whole body, and what it carries; None where it is no such."""
    found = _TAG.match(body)
    if found is None:
        return None
    if found[2].endswith(b"/"):
        return None if body[found.end() :].strip() else (_attributes(found[2]), b"")
    end = _CLOSING.search(body, found.end())
    return (_attributes(found[2]), body[found.end() : end.start()]) if end else None


class _Exchange(msgspec.Struct):
    """A request, until its answer has come."""

    channel: str = ""
    opening: bytes = b""
    """What an opening request said, until the answer names the session."""
    host: str = ""
    """The domain that an opening request is for."""
    last: bool = False
    """Whether it ends the session."""


class Session(Carried):
    """One TCP connection."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.service = "xmpp"
        self.aligned = False
        """Whether a whole body came, which nothing else looks like."""
        self.amid = True
        """What a body carries may be the rest of something."""
        self._client = start.client.address
        self._asked: deque[_Exchange] = deque()
        self._bodies: list[bytearray | None] = [None, None]
        """What came of each side's body; None outside of one, or where a part is missing."""
        self._within = [False, False]
        self._opened: set[str] = set()

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a message and not ended it."""
        return self._within[side] or super().partial(side)

    def _tell(self, told: Told) -> list[Output]:
        out: list[Output] = []
        for side, item in told:
            match item:
                case Head():
                    self._bodies[side], self._within[side] = bytearray(), True
                case Body(data):
                    self._collect(side, data, out)
                case Skipped():
                    self._bodies[side] = None
                case Done(complete=complete):
                    self._finish(side, out, complete=complete)
                case Broken(reason):
                    out.append(Malformed(reason=reason))
                    self._within[side] = False
                case _:
                    pass
        return out

    def _collect(self, side: Side, data: bytes, out: list[Output]) -> None:
        body = self._bodies[side]
        if body is None:
            return
        if len(body) + len(data) > LARGEST:
            out.append(Malformed(reason=f"a body of more than {LARGEST} bytes"))
            self._bodies[side] = None
        else:
            body += data

    def _finish(self, side: Side, out: list[Output], *, complete: bool) -> None:
        body, self._bodies[side], self._within[side] = self._bodies[side], None, False
        found = _read(utf8(bytes(body))) if body and complete else None
        self.aligned = self.aligned or found is not None
        attributes, inside = found or ({}, b"")
        if side is Side.CLIENT:
            self._request(attributes, inside, out)
        else:
            self._answer(attributes, inside, out)

    # -- requests and answers ----------------------------------------------------------------------

    def _request(self, attributes: dict[bytes, bytes], inside: bytes, out: list[Output]) -> None:
        exchange = _Exchange(self._name(attributes))
        self._asked.append(exchange)
        if len(self._asked) > MAX_ASKED:
            self._asked.popleft()
        root = _root(b"to", attributes)
        if not exchange.channel:
            exchange.host = attributes.get(b"to", b"")[:253].decode("latin-1")
            exchange.opening = root + inside if b"rid" in attributes else b""
            return
        again = attributes.get(b"restart") in (b"true", b"1")
        if self._open(exchange.channel, out) or again:
            inside = root + inside
        self._say(Side.CLIENT, exchange.channel, inside, out)
        exchange.last = attributes.get(b"type") == b"terminate"

    def _answer(self, attributes: dict[bytes, bytes], inside: bytes, out: list[Output]) -> None:
        exchange = self._asked.popleft() if self._asked else _Exchange()
        channel = exchange.channel
        if attributes:
            self.standing = Standing.PARSED
        if exchange.opening and (channel := self._name(attributes)):
            self._open(channel, out, exchange.host)
            self._say(Side.CLIENT, channel, exchange.opening, out)
            inside = _root(b"from", attributes) + inside
        if channel:
            self._say(Side.SERVER, channel, inside, out)
            if exchange.last or attributes.get(b"type") == b"terminate":
                self._opened.discard(channel)
                out.append(InnerEnd(channel=channel, shared=True))

    def _name(self, attributes: dict[bytes, bytes]) -> str:
        session = attributes.get(b"sid", b"")[:128].decode("latin-1")
        return f"{session}@{self._client}" if session else ""

    def _open(self, channel: str, out: list[Output], host: str = "") -> bool:
        """Open the inner stream, if this flow has not; say whether it did."""
        if channel in self._opened:
            return False
        if len(self._opened) >= MAX_ASKED:
            self._opened.clear()
        self._opened.add(channel)
        out.append(Open(channel=channel, shared=True, host=host, port=PORT, label="bosh"))
        return True

    def _say(self, side: Side, channel: str, data: bytes, out: list[Output]) -> None:
        if data:
            out.append(Inner(side=side, data=data, channel=channel, shared=True))


def _root(whose: bytes, attributes: dict[bytes, bytes]) -> bytes:
    """Return the root that the body stands for."""
    told = b""
    for name, value in ((whose, attributes.get(whose)), (b"id", attributes.get(b"authid"))):
        if value:
            told += b" %s='%s'" % (name, escape(text(value), {"'": "&apos;"}).encode())
    return _ROOT % told
