"""Requests that abuse ICQ's personal web server ("Web Front" of ICQ 99 and 2000).

    /.html/......../windows/user.dat    out of the server's folder: three and more dots climb as
                                        many folders, and `.html/` passes the check that only pages
                                        are handed out; db/UIN.idx holds the password
    /guestbook.cgi?name=<long>          crashes the program (CVE-2000-0564)
    /??????????                         so do question marks (CVE-2000-1078)

A file that comes in answer is told and hashed. Memory: that of one HTTP conversation.

Sources: a file getter by "Dr. Labrat" (1999) and scanners of the time, which name the first form;
Snort's and Nessus's rules for the others. No capture of a real server was found.
"""

import re
from collections import deque
from urllib.parse import unquote_to_bytes

import msgspec

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import Anomaly, Malformed
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.http.carried import Carried
from backchannel.protocols.http.heads import Head, opens
from backchannel.protocols.http.turned import either_way
from backchannel.protocols.http.wire import Body, Broken, Done, Skipped, Told
from backchannel.protocols.icq.content import words

_CLIMBS = re.compile(rb"(?:^|[/\\])\.{3,}(?:[/\\]|$)")
_GUESTBOOK = re.compile(rb"^/(?:cgi-bin/)?guestbook\.cgi\?name=(.*)", re.DOTALL)
_LONG_NAME = 30
_MARKS = b"?" * 10
_LONGEST_DETAIL = 256
_PENDING = 64
_GET = b"GET "
_SOON, _LONGEST_LINE = 64, 4096
"""Bytes of a request line within which the abuse shows, and within which the line ends."""


def abuse(target: str) -> str:
    """Return what kind of abuse a request's target is, empty for none."""
    raw = unquote_to_bytes(target.encode("latin-1", "replace")[:4096])
    if _CLIMBS.search(raw.partition(b"?")[0]):
        return "icq-web-traversal"
    found = _GUESTBOOK.match(raw)
    if (found and len(found[1]) >= _LONG_NAME) or raw.startswith(b"/" + _MARKS):
        return "icq-web-crash"
    return ""


@either_way
def recognise(peek: Peek) -> Claim | More | None:
    """Claim a connection whose first request is such an abuse."""
    if peek.transport != "tcp" or not opens(peek.server, request=False):
        return None
    line, newline, _ = peek.client.partition(b"\n")
    if not line or line[: len(_GET)] != _GET[: len(line)]:
        return None
    rest = line[len(_GET) :].decode("latin-1")
    target = (rest.rpartition(" HTTP/")[0] or rest).strip()
    kind = abuse(target)
    if newline:
        return Claim("icq-web", evidence=f"{kind}: {target[:64]}") if kind else None
    return MORE if (kind or len(line) < _SOON) and len(line) < _LONGEST_LINE else None


class _Asked(msgspec.Struct, frozen=True):
    """A request that waits for its answer."""

    target: str
    kind: str


class Session(Carried):
    """Decodes both sides of one connection."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.service = "icq"
        self._asked: deque[_Asked] = deque(maxlen=_PENDING)
        self._files = 0
        self._offset: int | None = None
        """Place in the file that an answer holds; None while it holds none."""

    def _tell(self, items: Told) -> list[Output]:
        told: list[Output] = []
        for side, item in items:
            if isinstance(item, Head):
                told += self._request(item) if item.request else self._answer(item)
            elif isinstance(item, Broken):
                told.append(Malformed(reason=item.reason))
            elif side is Side.SERVER and self._offset is not None:
                told += self._file(item)
        return told

    def _request(self, head: Head) -> list[Output]:
        kind = abuse(head.target)
        self._asked.append(_Asked(head.target, kind))
        if not kind:
            return []
        self.standing = Standing.PARSED
        return [Anomaly(kind=kind, detail=words(head.target.encode("latin-1"))[:_LONGEST_DETAIL])]

    def _answer(self, head: Head) -> list[Output]:
        if head.status < 200 or not self._asked:
            return []
        asked = self._asked.popleft()
        if asked.kind != "icq-web-traversal":
            return []
        detail = f"status {head.status}: {asked.target}"[:_LONGEST_DETAIL]
        if head.status not in {200, 206}:
            return [Anomaly(kind="icq-web-traversal-refused", detail=detail)]
        self._files += 1
        self._offset = 0
        name = re.split(r"[/\\]", asked.target.partition("?")[0])[-1]
        return [
            Anomaly(kind="icq-web-traversal-succeeded", detail=detail),
            FileOpen(key=str(self._files), name=name, size=head.length),
        ]

    def _file(self, item: object) -> list[Output]:
        at, key = self._offset or 0, str(self._files)
        if isinstance(item, Body) and item.data:
            self._offset = at + len(item.data)
            return [FileData(key=key, offset=at, data=item.data)]
        if isinstance(item, Skipped):
            self._offset = at + item.size
        elif isinstance(item, Done):
            self._offset = None
            return [FileClose(key=key)]
        return []
