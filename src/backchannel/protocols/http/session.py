"""Plain web traffic: which programs speak, which host they want, and readable passwords.

Bodies are passed over. Memory: that of one `Conversation`, and the last host's name.
"""

import re

from backchannel.events import Event, Gap, Malformed, NameLearned, Software
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.http.auth import Authentication
from backchannel.protocols.http.fields import absolute, authority, product
from backchannel.protocols.http.heads import opens
from backchannel.protocols.http.wire import Broken, Conversation, Head, Told

_METHOD = re.compile(rb"(?:GET|POST|HEAD|PUT|OPTIONS|DELETE|PATCH) (?:[/*]|(?i:http)://)")
_METHODS = (b"GET /", b"POST /", b"HEAD /", b"PUT /", b"OPTIONS /", b"DELETE /", b"PATCH /")
_OTHERS = ("x-kazaa-",)
"""Header names of protocols that have a decoder of their own, and whose requests may hide it."""
_PROXY = re.compile(rb"HTTP/1\.[01] (?:407|200 connection established)", re.IGNORECASE)


def recognise(peek: Peek) -> Claim | More | None:
    """Claim what opens with a request in origin form or with a status line, from either side."""
    if peek.transport != "tcp":
        return None
    verdict = _judge(peek.client, peek.server)
    flipped = verdict is None and not peek.begun
    if flipped:
        verdict = _judge(peek.server, peek.client)
    if isinstance(verdict, str):
        return Claim("http", evidence=verdict, flipped=flipped)
    return verdict


def _judge(request: bytes, answer: bytes) -> str | More | None:
    """Return what shows that these are the two sides of plain HTTP."""
    if not opens(answer, request=False) or not opens(request, request=True):
        return None
    if _METHOD.match(request):
        line, newline, _ = request.partition(b"\n")
        return f"request line {line[:8]!r}" if newline or len(request) >= 4096 else MORE
    if request:
        fits = any(method[: len(request)] == request for method in _METHODS)
        return MORE if fits else None
    if b"\n" in answer:
        return None if _PROXY.match(answer) else f"status line {answer[:12]!r}"
    return MORE if answer else None


class Session:
    """One connection of plain HTTP/1.x."""

    def __init__(self, start: Start) -> None:
        self.service = "http"
        self.standing = Standing.CLAIMED
        self.done = False
        self._talk = Conversation(decode=False, begun=start.begun)
        self._auth = Authentication()
        self._host = ""
        self._named = [False, False]

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        return self._tell(self._talk.feed(side, data))

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        return [Gap(size=size), *self._tell(self._talk.gap(side, size))]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        return self._tell(self._talk.end(side))

    def _tell(self, told: Told) -> list[Output]:
        events: list[Output] = []
        for side, item in told:
            if isinstance(item, Head):
                events += self._request(item) if item.request else self._answer(item)
                self._named[side] = True
            elif isinstance(item, Broken):
                events.append(Malformed(reason=item.reason))
                if item.lost and not any(self._named):
                    self.standing = Standing.REFUTED
        self.done = self._talk.switched
        return events

    def _request(self, head: Head) -> list[Event]:
        events: list[Event] = []
        agent = head.get("user-agent")
        if agent and not self._named[Side.CLIENT]:
            name, version = product(agent)
            events.append(Software(name=name, version=version, role="client"))
        if (host := _host(head)) and host != self._host:
            self._host = host
            events.append(NameLearned(name=host, how="host"))
        values = tuple(v for v in head.all("authorization") if v[:6].lower() == "basic ")
        return [*events, *self._auth.offered(values, head.method)]

    def _answer(self, head: Head) -> list[Event]:
        if self.standing is Standing.CLAIMED and any(
            name.startswith(_OTHERS) for name, _ in head.headers
        ):
            self.standing = Standing.REFUTED
            return []
        if head.method and self.standing is Standing.CLAIMED:
            self.standing = Standing.PARSED
        server = head.get("server")
        if not server or self._named[Side.SERVER]:
            return []
        name, version = product(server)
        return [Software(name=name, version=version, role="server")]


def _host(head: Head) -> str:
    """Return the host that a request names, in lower case and without a port."""
    if uri := absolute(head.target):
        return uri.host.lower()
    place = authority(head.get("host"))
    return place[0].lower() if place else ""
