"""Answers of Yahoo's HTTP services that are text: logins, tokens, lists, the address book.

ncclogin, get_buddylist   OK | BEGIN BUDDYLIST group:a,b | END ... | Login=... , or ERROR: ...
pwtoken_get               0 | ymsgr=<token> | partnerid=...  , or an error number
pwtoken_login             0 | crumb=... | Y=... | T=... | cookievalidfor=...
capacity                  COLO_CAPACITY=1 | CS_IP_ADDRESS=<address>
"""

import re

from backchannel.effects import Expect
from backchannel.events import (
    Contact,
    Contacts,
    Credential,
    Malformed,
    Profile,
    Share,
    SharedFile,
    SignOnAnswer,
)
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.http.heads import Head
from backchannel.protocols.yahoo_http.requests import Kind, Request
from backchannel.protocols.ymsg import cookies
from backchannel.protocols.ymsg.markup import words
from backchannel.protocols.ymsg.transfers import address_of
from backchannel.text import unescape

LIMIT = 256 * 1024
"""Bytes of an answer that are read."""
_PAGER_PORT = 5050
_ERRORS = {
    "100": "name or password missing",
    "1212": "wrong password",
    "1213": "account locked after too many attempts",
    "1214": "account locked",
    "1218": "account deactivated",
    "1221": "account not set up",
    "1235": "unknown account",
    "1236": "too many sign-ons",
}


class Text:
    """Collects the text of one answer, at most LIMIT bytes, and reads it when it is over."""

    def __init__(self, request: Request, head: Head, account: str) -> None:
        self._request, self._head, self._account = request, head, account
        self._held = bytearray()

    def data(self, piece: bytes) -> list[Output]:
        """Keep *piece*."""
        self._held += piece[: max(0, LIMIT - len(self._held))]
        return []

    def skip(self, size: int) -> list[Output]:  # noqa: ARG002 - a Sink's shape
        """Lines around the gap cannot be trusted; the gap becomes a line's end."""
        self._held += b"\n"
        return []

    def done(self) -> list[Output]:
        """Tell what the text said."""
        text = words(bytes(self._held))
        read = _READERS.get(self._request.kind)
        return read(self._request, self._head, self._account, text) if read else []


def _jar(head: Head, lines: dict[str, str]) -> dict[str, str]:
    jar: dict[str, str] = {}
    for value in head.all("set-cookie"):
        jar = {**cookies.parse(value.partition(";")[0]), **jar}
    for name in ("Y", "T", "B"):
        if name in lines:
            jar.setdefault(name, lines[name].partition(";")[0].strip())
    return jar


def _values(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.split("\n")[:4096]:
        name, mark, value = line.strip().partition("=")
        if mark and name:
            found.setdefault(name, value)
    return found


def _login(_request: Request, head: Head, account: str, text: str) -> list[Output]:
    if text.startswith("OK"):
        account = _values(text).get("Login") or account
    jar = _jar(head, {})
    if not jar.get("Y") and not text.startswith("OK"):
        error = text.strip().partition("\n")[0].strip()
        reason = error.removeprefix("ERROR:").strip() if error.startswith("ERROR") else "no cookie"
        return [SignOnAnswer(account=account, accepted=False, reason=reason[:128])]
    account = account or cookies.login(jar.get("Y", ""))
    return [
        SignOnAnswer(account=account, accepted=True),
        *cookies.outputs(account, jar),
        *_sections(account, text),
    ]


def _list(_request: Request, head: Head, account: str, text: str) -> list[Output]:
    account = _values(text).get("Login") or account
    return [*cookies.outputs(account, _jar(head, {})), *_sections(account, text)]


def _sections(account: str, text: str) -> list[Output]:
    entries: list[Contact] = []
    names: list[Output] = []
    section = ""
    for line in map(str.strip, text.split("\n")[:4096]):
        if line.startswith(("BEGIN ", "END ")):
            section = line.partition(" ")[2] if line.startswith("BEGIN") else ""
        elif section == "BUDDYLIST" and line:
            group, _, members = line.partition(":")
            entries += [Contact(account=name, group=group) for name in members.split(",") if name]
        elif section == "IGNORELIST" and line:
            entries += [Contact(account=name, blocked=True) for name in line.split(",") if name]
        elif section == "IDENTITIES" and line:
            others = [name for name in line.split(",")[:16] if name and name != account]
            names += [Profile(account=account, nickname=name) for name in others]
    told: list[Output] = [Contacts(owner=account, entries=tuple(entries))] if entries else []
    return told + names[:16]


def _token(_request: Request, _head: Head, account: str, text: str) -> list[Output]:
    code = text.strip().partition("\n")[0].strip()
    token = _values(text).get("ymsgr", "")
    if code != "0" or not token:
        reason = _ERRORS.get(code, f"error {code[:16]}")
        return [SignOnAnswer(account=account, accepted=False, reason=reason)]
    return [Credential(account=account, kind="token", scheme="yahoo-pwtoken", secret=token)]


def _token_login(_request: Request, head: Head, account: str, text: str) -> list[Output]:
    values = _values(text)
    jar = _jar(head, values)
    account = account or cookies.login(jar.get("Y", ""))
    if not jar.get("Y"):
        code = text.strip().partition("\n")[0].strip()
        reason = _ERRORS.get(code, f"error {code[:16]}")
        return [SignOnAnswer(account=account, accepted=False, reason=reason)]
    told: list[Output] = [SignOnAnswer(account=account, accepted=True)]
    if crumb := values.get("crumb"):
        told.append(Credential(account=account, kind="token", scheme="yahoo-crumb", secret=crumb))
    return told + cookies.outputs(account, jar)


def _capacity(_request: Request, _head: Head, _account: str, text: str) -> list[Output]:
    address = address_of(_values(text).get("CS_IP_ADDRESS", ""))
    if not address:
        return []
    return [
        Expect(
            protocol="ymsg",
            purpose=Capability.LOGIN,
            address=address,
            port=_PAGER_PORT,
            repeat=True,
        )
    ]


_RECORD = re.compile(r"<(?:ct|record)\s([^<>]{1,4096})>")
_ATTRIBUTE = re.compile(r"""([a-z]{1,16})\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def _address_book(_request: Request, _head: Head, account: str, text: str) -> list[Output]:
    entries: list[Contact] = []
    for record in _RECORD.finditer(text):
        found = {m[1]: unescape(m[2] or m[3] or "") for m in _ATTRIBUTE.finditer(record[1])}
        name = found.get("yi") or found.get("userid") or found.get("id", "")
        parts = (found.get("fn") or found.get("fname"), found.get("ln") or found.get("lname"))
        full = " ".join(part for part in parts if part)
        nick = found.get("nn") or found.get("nname") or full
        mail = found.get("em") or found.get("email")
        if name or mail:
            entries.append(Contact(account=name or mail or "", nickname=nick))
    return [Contacts(owner=account, entries=tuple(entries[:4096]))] if entries else []


_READERS = {
    Kind.LOGIN: _login,
    Kind.LIST: _list,
    Kind.TICKET: _token,
    Kind.TICKET_LOGIN: _token_login,
    Kind.CAPACITY: _capacity,
    Kind.ADDRESS_BOOK: _address_book,
}

_LINK = re.compile(
    r"""<a\s[^<>]{0,64}href\s*=\s*["']?([^"'<>\s]{1,512})[^<>]*>([^<]{0,512})""", re.IGNORECASE
)


class Listing:
    """The list of files that somebody shares: links in a page, or one name a line."""

    def __init__(self, owner: str) -> None:
        self._owner, self._held = owner, bytearray()

    def data(self, piece: bytes) -> list[Output]:
        """Keep *piece*."""
        self._held += piece[: max(0, LIMIT - len(self._held))]
        return []

    def skip(self, size: int) -> list[Output]:
        """Note that *size* bytes are missing."""
        self._held += b"\n"
        return [Malformed(reason=f"{size} bytes of a file listing were not seen")]

    def done(self) -> list[Output]:
        """Tell the files."""
        text = words(bytes(self._held))
        found = [unescape(m[2]).strip() or m[1] for m in _LINK.finditer(text)]
        files = tuple(SharedFile(name=name) for name in found[:4096] if name not in {".", ".."})
        return [Share(owner=self._owner, files=files, total=len(found))] if files else []
