"""One HTTP connection to Yahoo's services, or between two Messengers.

A Session holds what one HTTP conversation holds, one poll (1 MiB a side), 256 KiB of one text
answer, and 64 requests that wait for their answers.
"""

from collections import deque

from backchannel.effects import FileOpen
from backchannel.events import (
    Contact,
    Contacts,
    Credential,
    Malformed,
    Message,
    NameLearned,
    SignOn,
)
from backchannel.model import MORE, Capability, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.http.carried import Carried
from backchannel.protocols.http.heads import Head, opens
from backchannel.protocols.http.turned import either_way
from backchannel.protocols.http.wire import Body, Broken, Done, Skipped, Told
from backchannel.protocols.yahoo_http.answers import Listing, Text
from backchannel.protocols.yahoo_http.files import File, Ignored, Sink, Upload, download, upload
from backchannel.protocols.yahoo_http.pager import Pager
from backchannel.protocols.yahoo_http.requests import Kind, Request, understand
from backchannel.protocols.ymsg import cookies
from backchannel.protocols.ymsg.login import CLIENT
from backchannel.protocols.ymsg.state import Announced

_PENDING = 64
_TRANSFERS = {Kind.RELAY, Kind.PEER, Kind.ANNOUNCED}
_TEXTS = {
    Kind.LOGIN,
    Kind.LIST,
    Kind.TICKET,
    Kind.TICKET_LOGIN,
    Kind.CAPACITY,
    Kind.ADDRESS_BOOK,
}


@either_way
def recognise(peek: Peek) -> Claim | More | None:
    """Claim a connection whose first request is one of Messenger's, or was announced."""
    if peek.transport != "tcp" or not opens(peek.server, request=False):
        return None
    line, newline, _ = peek.client.partition(b"\n")
    if not peek.client or not opens(peek.client, request=True):
        return None
    if not newline:
        return MORE if len(peek.client) < 4096 else None
    method, _, rest = line.decode("latin-1").partition(" ")
    target = rest.rpartition(" HTTP/")[0].strip()
    request = understand(method, target, None)
    announced = peek.start.context if isinstance(peek.start.context, Announced) else None
    if announced and _fits(announced, request):
        return Claim("yahoo-http", evidence=f"announced target {target[:64]}")
    if request.kind is Kind.OTHER or _for_a_proxy(target, peek.start):
        return None
    return Claim("yahoo-http", evidence=f"request for {request.path.partition('?')[0][:64]}")


def _for_a_proxy(target: str, start: Start) -> bool:
    """Say whether an absolute target goes to another port than the service itself has.

    Programs wrote absolute targets to Yahoo's own servers too (libpurple's uploads), so the form
    alone shows no proxy.
    """
    return target[:7].lower() == "http://" and start.server.port not in {0, 80}


def _fits(announced: Announced, request: Request) -> bool:
    if announced.token and announced.token == request.get("token"):
        return True
    return bool(announced.path) and announced.path == request.path


class Session(Carried):
    """Decodes both sides of one connection."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.service = "yahoo"
        context = start.context
        self._announced = context if isinstance(context, Announced) else None
        self._account = ""
        self._client = start.client.address
        self._pending: deque[Request] = deque(maxlen=_PENDING)
        self._sinks: dict[Side, Sink] = {side: Ignored() for side in Side}
        self._pager: Pager | None = None
        self._told_cookies: dict[str, str] = {}
        self._host = ""
        self._files = 0

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more; a poll that nobody answered is told now."""
        told = self._tell(self._talk.end(side))
        if side is Side.SERVER and self._pager:
            told += self._pager.flush()
        return told

    def _tell(self, items: Told) -> list[Output]:
        told: list[Output] = []
        for side, item in items:
            if isinstance(item, Head):
                told += self._request(item, side) if item.request else self._answer(item, side)
            elif isinstance(item, Body):
                told += self._sinks[side].data(item.data)
            elif isinstance(item, Skipped):
                told += self._sinks[side].skip(item.size)
            elif isinstance(item, Done):
                told += self._sinks[side].done()
                self._sinks[side] = Ignored()
            elif isinstance(item, Broken):
                told.append(Malformed(reason=item.reason))
                if item.lost and self.standing is Standing.CLAIMED:
                    self.standing = Standing.REFUTED
            if self.standing is Standing.REFUTED:
                return []
        self.done = self._talk.switched
        return told

    # -- requests ------------------------------------------------------------------------------

    def _request(self, head: Head, side: Side) -> list[Output]:
        request = understand(head.method, head.target, head.get("host"))
        if self._announced and request.kind not in _TRANSFERS and _fits(self._announced, request):
            request = Request(
                Kind.ANNOUNCED, request.path, request.host, sure=True, query=request.query
            )
        self._pending.append(request)
        if request.kind is Kind.OTHER:
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
            return []
        self.standing = Standing.PARSED
        told = self._named(request)
        told += self._cookies(head)
        return told + self._begin(request, head, side)

    def _named(self, request: Request) -> list[Output]:
        if not request.host or request.host == self._host:
            return []
        self._host = request.host
        return [NameLearned(name=request.host, how="host")]

    def _cookies(self, head: Head) -> list[Output]:
        jar = cookies.parse(";".join(head.all("cookie")))
        if not jar or jar == self._told_cookies:
            return []
        self._told_cookies = jar
        self._account = self._account or cookies.login(jar.get("Y", ""))
        return cookies.outputs(self._account, jar)

    def _begin(self, request: Request, head: Head, side: Side) -> list[Output]:
        kind = request.kind
        if kind is Kind.LOGIN:
            return self._login(request)
        if kind in {Kind.TICKET, Kind.TICKET_LOGIN}:
            return self._token(request)
        if kind is Kind.CHANGE:
            return _change(request)
        if kind is Kind.UPLOAD:
            self._sinks[side] = Upload(self._key(), self._account)
        elif kind is Kind.PAGER:
            self._pager = self._pager or Pager(self._client, request.host)
            self._sinks[side] = self._pager.request()
        elif kind in _TRANSFERS and head.method == "POST":
            key = self._key()
            self._sinks[side] = File(key)
            return upload(key, request, head, self._announced)
        return []

    def _key(self) -> str:
        self._files += 1
        return str(self._files)

    def _login(self, request: Request) -> list[Output]:
        self._account = account = request.get("login", ".login")
        hashed = request.get(".md5", ".hash") == "1"
        told: list[Output] = [
            SignOn(account=account, method="md5-challenge" if hashed else "plain", client=CLIENT)
        ]
        if secret := request.get("passwd"):
            told.append(
                Credential(
                    account=account,
                    kind="hash" if hashed else "plain",
                    scheme="yahoo-http-md5" if hashed else "yahoo-http-login",
                    secret=secret,
                    salt=request.get(".challenge") if hashed else "",
                )
            )
        return told

    def _token(self, request: Request) -> list[Output]:
        if request.kind is Kind.TICKET:
            self._account = account = request.get("login")
            told: list[Output] = [SignOn(account=account, method="token", client=CLIENT)]
            if secret := request.get("passwd"):
                told.append(
                    Credential(
                        account=account, kind="plain", scheme="yahoo-http-token", secret=secret
                    )
                )
            return told
        token = request.get("token")
        credential = Credential(
            account=self._account, kind="token", scheme="yahoo-pwtoken", secret=token
        )
        return [credential] if token else []

    # -- answers -------------------------------------------------------------------------------

    def _answer(self, head: Head, side: Side) -> list[Output]:
        request = self._asked(head)
        if request is None:
            return []
        kind = request.kind
        if kind is Kind.PAGER and self._pager:
            self._sinks[side] = self._pager.answer()
        elif kind in _TEXTS:
            self._sinks[side] = Text(request, head, self._account)
        elif kind in _TRANSFERS and head.method == "GET" and head.status in {200, 206}:
            return self._download(request, head, side)
        return []

    def _asked(self, head: Head) -> Request | None:
        """Return the request that *head* answers, None for an interim or a lost one's answer."""
        if head.status < 200 or not head.method:
            return None
        return self._pending.popleft() if self._pending else None

    def _download(self, request: Request, head: Head, side: Side) -> list[Output]:
        what = self._announced
        shared = what is not None and what.use is Capability.FILE_SHARING
        if what and shared and head.get("content-type").lower().startswith("text/html"):
            self._sinks[side] = Listing(what.sender)
            return []
        key, part = self._key(), head.content_range
        told = download(key, request, head, what)
        if isinstance(told[-1], FileOpen):
            self._sinks[side] = File(key, part[0] if part else 0)
        return told


def _change(request: Request) -> list[Output]:
    """Read /config/set_buddygrp: a contact is added (.cmd=a) or removed (.cmd=d)."""
    owner = request.get(".l", ".id")
    name, group = request.get(".bdl"), request.get(".bg")
    if not name:
        return []
    removes = request.get(".cmd") == "d"
    entry = Contact(account=name, group=group)
    told: list[Output] = [
        Contacts(owner=owner, change="remove" if removes else "add", entries=(entry,))
    ]
    if note := request.get(".amsg"):
        told.append(
            Message(sender=owner, recipient=name, text=note, kind="authorization", size=len(note))
        )
    return told
