"""Plain web traffic: which programs speak, which host they want, and readable passwords.

Bodies are passed over. Memory: that of one `Conversation`, and the last host's name.
"""

import re

from backchannel.decoder import Decoder
from backchannel.effects import Spoken
from backchannel.events import Gap, Malformed, NameLearned, Software
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.http import METHODS
from backchannel.protocols.http.auth import Authentication
from backchannel.protocols.http.fields import absolute, authority, product
from backchannel.protocols.http.heads import Head, opens
from backchannel.protocols.http.wire import Broken, Conversation, Told

_METHOD = re.compile(rb"(?:" + b"|".join(METHODS) + rb") +(?:[/*]|(?i:http)://)")
_PARTIAL = re.compile(rb"(?:" + b"|".join(METHODS) + rb") +(?i:h(?:t(?:t(?:p(?::/?)?)?)?)?)?")
_OTHER = "x-kazaa-"
"""Headers of a protocol that has a decoder of its own, and whose requests may hide it."""
_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side
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
    if request:
        request = request.lstrip(b"\r\n")  # as servers do
        if not request:
            return MORE
    if not opens(answer, False) or not opens(request, True):
        return None
    if _METHOD.match(request):
        line, newline, _ = request.partition(b"\n")
        return f"request line {line[:8]!r}" if newline or len(request) >= 4096 else MORE
    if request:
        fits = _PARTIAL.fullmatch(request) or any(each.startswith(request) for each in METHODS)
        return MORE if fits else None
    if b"\n" in answer:
        return None if _PROXY.match(answer) else f"status line {answer[:12]!r}"
    return MORE if answer else None


class Session(Decoder):
    """One connection of plain HTTP/1.x."""

    def __init__(self, start: Start) -> None:
        self.service = "http"
        self.standing = _CLAIMED
        self.done = False
        self._talk = Conversation(decode=False, bodies=False, begun=start.begun)
        self._auth = Authentication()
        self._host = ""
        self._line = ""
        """The Host header that the last request was judged by."""
        self._named = [False, False]

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        return self._tell(side, self._talk.feed(side, data))

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        return [Gap(size=size), *self._tell(side, self._talk.gap(side, size))]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        return self._tell(side, self._talk.end(side))

    def _tell(self, now: Side, told: Told) -> list[Output]:
        """Tell what came of bytes of the side *now*: what waited for them may be the other's."""
        events: list[Output] = []
        for side, item in told:
            if side is not now:
                now = side
                events.append(Spoken(side=side))
            if type(item) is Head:
                if item.request:
                    self._request(item, events)
                else:
                    self._answer(item, events)
                if item.request or item.status >= 200:  # an answer in advance names no program
                    self._named[side] = True
            elif type(item) is Broken:  # faster than to ask whether it is an instance
                events.append(Malformed(reason=item.reason))
                if item.lost and not any(self._named):
                    self.standing = _REFUTED
        self.done = self._talk.switched
        return events

    def _request(self, head: Head, events: list[Output]) -> None:
        if not self._named[_CLIENT] and (agent := head.get("user-agent")):
            name, version = product(agent)
            events.append(Software(name=name, version=version, role="client"))
        if (host := self._wanted(head)) and host != self._host:
            self._host = host
            events.append(NameLearned(name=host, how="host"))
        offered = head.all("authorization")
        if offered:
            values = tuple([value for value in offered if value[:6].lower() == "basic "])
            events += self._auth.offered(values, head.method)

    def _answer(self, head: Head, events: list[Output]) -> None:
        if self.standing is _CLAIMED and head.starting(_OTHER):
            self.standing = _REFUTED
            return
        if head.method and self.standing is _CLAIMED:
            self.standing = _PARSED
        if self._named[_SERVER] or not (server := head.get("server")):
            return
        name, version = product(server)
        events.append(Software(name=name, version=version, role="server"))

    def _wanted(self, head: Head) -> str:
        """Return the host that a request names, in lower case and without a port."""
        if head.target[:1] != "/" and (uri := absolute(head.target)):
            self._line = ""
            return uri.host.lower()
        line = head.get("host")
        if line == self._line:
            return self._host
        self._line = line
        place = authority(line)
        return place[0].lower() if place else ""
