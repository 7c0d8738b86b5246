"""One connection to a web proxy: who asks for what, what the proxy says, and what it carries.

CONNECT (RFC 9110 §9.3.6) opens one inner stream of raw bytes, channel `""`. Requests with absolute
URIs (RFC 9112 §3.2.2) are put into one inner stream for each target, channel `host:port`, as the
proxy would send them on: in origin form and without the proxy's headers, answers unchanged. An FTP
URI is told, but what comes back is the proxy's own page and opens no inner stream.

Memory: that of one `Conversation`, and CHANNELS names.
"""

import re
from ipaddress import ip_address
from typing import Literal

import msgspec

from backchannel.decoder import Decoder
from backchannel.effects import Inner, InnerEnd, InnerGap, Open, Spoken
from backchannel.events import Gap, Malformed, ProxyAnswer, ProxyRequest, Software
from backchannel.model import MORE, Claim, Endpoint, More, Side, Standing
from backchannel.patterns import later
from backchannel.protocols import PEEK_LIMIT, Output, Peek, Start
from backchannel.protocols.http import auth
from backchannel.protocols.http.fields import PORTS, Uri, absolute, authority, product
from backchannel.protocols.http.heads import Head, leaves_http, opens
from backchannel.protocols.http.wire import (
    Body,
    Broken,
    Conversation,
    Item,
    Raw,
    Skipped,
    Told,
)
from backchannel.protocols.http_proxy.login import Logins

CHANNELS = 64
"""Targets of absolute URIs that are open at once; the oldest is closed for the next."""
_CARRIED = frozenset({"http", "ws", "https", "wss"})
"""Schemes whose requests go on as HTTP."""
_CONNECT = later(
    rb"[\r\n]*+CONNECT[ \t]++[^\s/]{1,300}(?:[ \t]*+/)?[ \t]++HTTP/\d\.\d\s*\n", re.IGNORECASE
)
_ABSOLUTE = later(
    rb"[\r\n]*+[A-Z]{3,12}[ \t]++((?:https?|ftp|wss?|gopher)://[^\r\n]+)[ \t]HTTP/\d\.\d\s*\n",
    re.IGNORECASE,
)
_NEXT = later(
    rb"\n\r?\n[A-Z]{3,12}[ \t]++((?:https?|ftp|wss?|gopher)://[^ \t\r\n]+)[ \t]++HTTP/\d\.\d\r?\n",
    re.IGNORECASE,
)
_ANSWER = later(rb"HTTP/1\.[01] (?:200 connection established|407 [^\r\n]*+)\s*\n", re.IGNORECASE)
_PARTIAL = later(
    rb"C(?:O(?:N(?:N(?:E(?:C(?:T(?:[ \t]++[^\s/]*+(?:[ \t]*+/)?"
    rb"(?:[ \t]++[HTP/\d.]*+\s*+)?)?)?)?)?)?)?)?\Z"
    rb"|[A-Z]{1,12}(?:[ \t]++(?:h(?:t(?:t(?:p.*)?)?)?|f(?:t(?:p.*)?)?|w(?:s.*)?|g(?:o.*)?)?)?\Z",
    re.DOTALL | re.IGNORECASE,
)
_PROXY_HEADER = later(
    rb"^proxy-(?:authorization|connection)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*",
    re.IGNORECASE | re.MULTILINE,
)
_PROXY_ANSWERS = ("proxy-agent", "proxy-authenticate", "proxy-connection", "via", "x-cache")
_OF_PROXY = later(
    rb"\A[^ \r\n]+ 407 |\n(?:" + "|".join(_PROXY_ANSWERS).encode() + rb")[ \t]*:", re.IGNORECASE
)
_VIA = later(r"\(([^()]+)\)")
_NOTHING = auth.Offer()
"""What a request without Proxy-Authorization brings."""
_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side


def recognise(peek: Peek) -> Claim | More | None:
    """Claim CONNECT, a request with an absolute URI, or an answer that only a proxy gives."""
    if peek.transport != "tcp":
        return None
    verdict = _judge(peek.client, peek.server)
    flipped = verdict is None and not peek.begun
    if flipped:
        verdict = _judge(peek.server, peek.client)
    if not isinstance(verdict, str):
        return verdict
    request, server = (
        (peek.server, peek.start.client) if flipped else (peek.client, peek.start.server)
    )
    doubt = _doubt(request, peek.client if flipped else peek.server, server)
    if doubt is not None:
        return MORE if doubt else None
    return Claim("http-proxy", evidence=verdict, flipped=flipped)


def _doubt(request: bytes, answer: bytes, server: Endpoint) -> bool | None:
    """Return None where nothing speaks against a proxy; else whether the answer may yet show one.

    A URI of the very server that gets it is no proxy's. One by name, on the URI's own port of a
    public address and without a header for a proxy, is as likely of a program that always writes
    the whole URI (WeChat, Skype), which every server must accept (RFC 9112 §3.2.2): there only an
    answer with a proxy's header counts, or a request for another host on the same connection.
    """
    found = _ABSOLUTE.match(request)
    uri = absolute(found[1].strip().decode("latin-1")) if found else None
    if uri is None or uri.port != server.port:
        return None
    if uri.host == server.address:
        return False
    if uri.scheme != "http" or _PROXY_HEADER.search(request) or not _public(server.address):
        return None
    if _OF_PROXY.search(answer.partition(b"\r\n\r\n")[0]) or _goes_on_elsewhere(request, uri):
        return None
    return max(len(request), len(answer)) < PEEK_LIMIT


def _goes_on_elsewhere(requests: bytes, first: Uri) -> bool:
    """Whether a later request asks for another host."""
    for found in _NEXT.finditer(requests):
        uri = absolute(found[1].decode("latin-1"))
        if uri is not None and uri.host.lower() != first.host.lower():
            return True
    return False


def _public(address: str) -> bool:
    try:
        return ip_address(address).is_global
    except ValueError:
        return False


def _judge(request: bytes, answer: bytes) -> str | More | None:
    """Return what shows that these are the two sides of a proxied connection."""
    if not opens(answer, request=False):
        return None
    if _CONNECT.match(request):
        return "CONNECT request"
    if _ABSOLUTE.match(request):
        return "request with an absolute URI"
    asked = request.lstrip(b"\r\n")
    if asked and (b"\n" in asked or not _PARTIAL.match(asked)):
        return None
    if _ANSWER.match(answer):
        return f"answer {answer[:12].decode('latin-1')!r}"
    if b"\n" in answer:
        return None
    return MORE if request or answer else None


class _Channel(msgspec.Struct):
    """One target of absolute URIs."""

    name: str
    host: str
    port: int
    carried: bool
    answered: bool = False


class Session(Decoder):
    """One connection between a client and a proxy."""

    def __init__(self, start: Start) -> None:
        self.service = "http-proxy"
        self.standing = _CLAIMED
        self.done = False
        self._start = start
        self._talk = Conversation(verbatim=True, begun=start.begun)
        self._auth = auth.Authentication()
        self._logins = Logins()
        self._named = [False, False]
        self._asked: tuple[str, int] | None = None
        """Target of the last CONNECT."""
        self._tunnel: str | None = None
        """Channel of what follows HTTP, once anything does."""
        self._channels: dict[str, _Channel] = {}
        self._current: list[str | None] = [None, None]
        """Channel of each side's message under way."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        return self._tell(side, self._talk.feed(side, data))

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen; inner streams learn their part of it."""
        told = self._talk.gap(side, size)
        out = self._tell(side, told)
        size_left = size - sum(item.size for _, item in told if isinstance(item, Skipped))
        channel = self._current[side]
        if size_left and channel is not None and self._tunnel is None:
            out.append(InnerGap(side=side, size=size_left, channel=channel))
        return [Gap(size=size), *out]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more, and so in every inner stream."""
        out = self._tell(side, self._talk.end(side))
        carried = [channel.name for channel in self._channels.values() if channel.carried]
        if self._tunnel == "":
            carried.append("")
        return [*out, *(InnerEnd(side=side, channel=name) for name in carried)]

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun the head of a message and not ended it."""
        return self._talk.within_head(side)

    def _tell(self, now: Side, told: Told) -> list[Output]:
        """Tell what came of bytes of the side *now*: what waited for them may be the other's."""
        out: list[Output] = []
        for side, item in told:
            if side is not now:
                now = side
                out.append(Spoken(side=side))
            if isinstance(item, Raw):
                if self._entered(out):
                    out.append(Inner(side=side, data=item.data, channel=self._tunnel or ""))
            elif isinstance(item, Head):
                self._head(side, item, out)
            else:
                self._item(side, item, out)
        return out

    def _item(self, side: Side, item: Item, out: list[Output]) -> None:
        if isinstance(item, Body):
            if (channel := self._current[side]) is not None:
                out.append(Inner(side=side, data=item.data, channel=channel))
        elif isinstance(item, Skipped):
            inside = self._current[side] if self._tunnel is None else self._tunnel
            if inside is not None:
                out.append(InnerGap(side=side, size=item.size, channel=inside))
        elif isinstance(item, Broken):
            out.append(Malformed(reason=item.reason))
            if item.lost and not any(self._named):
                self.standing = _REFUTED

    def _head(self, side: Side, head: Head, out: list[Output]) -> None:
        if head.request:
            self._request(head, out)
        else:
            self._answer(head, out)
        if head.request or head.status >= 200:  # an answer in advance names no program
            self._named[side] = True

    # -- requests ------------------------------------------------------------------------------

    def _request(self, head: Head, out: list[Output]) -> None:
        agent = head.get("user-agent")
        if agent and not self._named[_CLIENT]:
            out.append(_software(agent, "client"))
        values = head.all("proxy-authorization")
        offer = self._auth.read(values, head.method) if values else _NOTHING
        self._current[_CLIENT] = None
        out += self._logins.asked(head, offer.sign_on)
        if head.method == "CONNECT":
            self._asked = host, port = _authority(head.target, out)
            out.append(_asks("http-connect", "CONNECT", host, port, offer.user))
        elif (uri := _target(head)) is not None:
            self._pass_on(head, uri, offer.user, out)
        if offer.credentials:
            out += self._auth.fresh(offer)

    def _pass_on(self, head: Head, uri: Uri, user: str, out: list[Output]) -> None:
        """Hand a request on to its target's inner stream, and say so the first time."""
        channel = self._channels.get(_key(uri))
        if channel is None:
            command = head.method if uri.scheme == "http" else f"{head.method} {uri.scheme}:"
            out.append(_asks("http", command, uri.host, uri.port, user))
            channel = self._open(uri, out)
            if credential := auth.in_uri(uri.user):
                out.append(credential)
        if channel.carried:
            self._current[_CLIENT] = channel.name
            data = _origin_form(head, uri)
            out.append(Inner(side=_CLIENT, data=data, channel=channel.name))

    def _open(self, uri: Uri, out: list[Output]) -> _Channel:
        if len(self._channels) >= CHANNELS:
            oldest = self._channels.pop(next(iter(self._channels)))
            if oldest.carried:
                out.append(InnerEnd(channel=oldest.name))
        channel = _Channel(_key(uri), uri.host.lower(), uri.port, uri.scheme in _CARRIED)
        self._channels[channel.name] = channel
        if channel.carried:
            out.append(Open(channel=channel.name, host=uri.host, port=uri.port, label="http"))
        return channel

    # -- answers -------------------------------------------------------------------------------

    def _answer(self, head: Head, out: list[Output]) -> None:
        self._auth.challenged(head.all("proxy-authenticate"))
        self._current[_SERVER] = None
        if not self._named[_SERVER] and (name := _proxy_name(head)):
            out.append(_software(name, "server"))
        tunnel = head.status != 101 and leaves_http(head)
        if head.method == "CONNECT" or tunnel:
            self._answer_connect(head, out)
        else:
            self._answer_other(head, out)
        if tunnel or (head.method and self._is_proxy(head)):
            self.standing = _PARSED

    def _is_proxy(self, head: Head) -> bool:
        """Whether an answer shows a proxy: old programs send absolute URIs to plain servers too,
        but each of their connections is for one host.
        """
        if head.method == "CONNECT" or any(head.get(name) for name in _PROXY_ANSWERS):
            return True
        if len({channel.host for channel in self._channels.values()}) > 1:
            return True
        uri = absolute(head.target)
        return uri is not None and self._start.server.port not in (0, uri.port)

    def _answer_connect(self, head: Head, out: list[Output]) -> None:
        if head.status < 200:
            return
        accepted = head.status < 300
        out += self._logins.answered(head, accepted)
        out.append(_answers("http-connect", head, self._asked, accepted))
        if accepted:
            self._asked = self._asked or ("", 0)
            self._entered(out)
        else:
            self._asked = None

    def _answer_other(self, head: Head, out: list[Output]) -> None:
        channel = self._answering(head)
        # Of the rest, the target's own refusals cannot be told from the proxy's.
        refused = head.status == 407 or head.status >= 500 or bool(head.get("x-squid-error"))
        if head.status >= 200:
            out += self._logins.answered(head, not refused)
        if channel is None:
            if head.status == 407:
                out.append(_answers("http", head, None, False))
            return
        if head.status >= 200 and not channel.answered:
            channel.answered = not refused
            place = channel.host, channel.port
            out.append(_answers("http", head, place, not refused))
        if channel.carried:
            self._current[_SERVER] = channel.name
            out.append(Inner(side=_SERVER, data=head.raw, channel=channel.name))
            if head.status == 101:
                self._tunnel = channel.name

    def _answering(self, head: Head) -> _Channel | None:
        """Return the channel that an answer belongs to; behind a gap, the only one there is."""
        if uri := absolute(head.target):
            return self._channels.get(_key(uri))
        if len(self._channels) == 1 and not head.method:
            return next(iter(self._channels.values()))
        return self._channels.get(self._current[_CLIENT] or "")

    def _entered(self, out: list[Output]) -> bool:
        """Open the tunnel when it is not open yet; return whether there is one."""
        if self._tunnel is not None:
            return True
        if self._asked is not None:
            self._tunnel = ""
            host, port = self._asked
            whole = self._talk.switched
            out.append(Open(host=host, port=port, label="http-connect", whole=whole))
        return self._tunnel is not None


def _asks(scheme: str, command: str, host: str, port: int, user: str) -> ProxyRequest:
    return ProxyRequest(scheme=scheme, command=command, host=host, port=port, user=user)


def _answers(scheme: str, head: Head, asked: tuple[str, int] | None, accepted: bool) -> ProxyAnswer:
    host, port = asked or ("", 0)
    return ProxyAnswer(
        scheme=scheme, accepted=accepted, code=str(head.status), asked_host=host, asked_port=port
    )


def _authority(target: str, out: list[Output]) -> tuple[str, int]:
    """Return where a CONNECT goes. Some write a user before it, a path behind it or no port, and
    proxies take it.
    """
    user, at, asked = target.rpartition("@")
    if at and (credential := auth.in_uri(user)):
        out.append(credential)
    place = authority(asked.removesuffix("/").rstrip())
    return (place[0], place[1] or PORTS["https"]) if place else (target, 0)


def _target(head: Head) -> Uri | None:
    """Return where a request goes: its absolute URI, or in origin form its Host."""
    if uri := absolute(head.target):
        return uri
    place = authority(head.get("host"))
    if place is None or head.target[:1] != "/":
        return None
    return Uri("http", "", place[0], place[1] or PORTS["http"], head.target)


def _key(uri: Uri) -> str:
    """Name the inner stream for a target."""
    place = f"{uri.host.lower()}:{uri.port}"
    return place if uri.scheme in _CARRIED else f"{uri.scheme}://{place}"


def _origin_form(head: Head, uri: Uri) -> bytes:
    """Return the head as a proxy would send it on: origin form, without what is for the proxy."""
    line = f"{head.method} {uri.path} HTTP/{head.version}\r\n".encode("latin-1")
    return line + _PROXY_HEADER.sub(b"", head.raw[head.raw.index(b"\n") + 1 :])


def _proxy_name(head: Head) -> str:
    """Return what the proxy calls itself. A Server header is the proxy's own only for CONNECT."""
    if name := head.get("proxy-agent"):
        return name
    if head.method == "CONNECT" and (name := head.get("server")):
        return name
    found = _VIA.search(head.get("via"))
    return found[1] if found else ""


def _software(value: str, role: Literal["client", "server"]) -> Software:
    name, version = product(value)
    return Software(name=name, version=version, role=role)
