"""What a request to Yahoo's HTTP services is about, from its line and, where told, its Host.

    /config/ncclogin /config/login     sign-on with name and password in the query
    /config/pwtoken_get pwtoken_login  the same for a token, then cookies (versions 13 and up)
    /config/get_buddylist set_buddygrp contact list of versions before 9
    /notifyft                          a YMSG packet whose last field is a file
    /notify                            YMSG packets, polled
    /relay?token=&sender=&recver=      a file through Yahoo's relay (versions 15 and up)
    /Messenger.<who>.<time><file>?AppID=Messenger   a file from computer to computer
    /yab/ /capacity                    address book; which server to use
    /ycontent/                         lists of chat rooms and other pages, with the cookies

Sources: libpurple 2.10.9 libymsg.h, libymsg.c and yahoo_filexfer.c; libyahoo 0.18 libyahoo.c;
jYMSG HTTPConnectionHandler; VintageHive's Yahoo pager, itself checked with a real client.
"""

import re
from enum import Enum
from urllib.parse import parse_qsl, unquote

import msgspec

from backchannel.protocols.http.fields import absolute, authority


class Kind(Enum):
    """What a request wants."""

    LOGIN = "login"
    TICKET = "ticket"
    TICKET_LOGIN = "ticket-login"
    LIST = "list"
    CHANGE = "change"
    COOKIE = "cookie"
    UPLOAD = "upload"
    PAGER = "pager"
    RELAY = "relay"
    PEER = "peer"
    ADDRESS_BOOK = "address-book"
    CAPACITY = "capacity"
    CONTENT = "content"
    ANNOUNCED = "announced"
    OTHER = "other"
    """Nothing of Messenger's, or not to be told without the Host."""


class Request(msgspec.Struct, frozen=True):
    """One request, understood as far as its head goes."""

    kind: Kind
    path: str
    """Path and query in origin form."""
    host: str
    sure: bool
    """False where only the Host field, not yet seen, can confirm it."""
    query: dict[str, str]

    def get(self, *names: str) -> str:
        """Return the first of the query's parameters that is there."""
        return next((self.query[name] for name in names if name in self.query), "")


_CONFIG = {
    "ncclogin": Kind.LOGIN,
    "pwtoken_get": Kind.TICKET,
    "pwtoken_login": Kind.TICKET_LOGIN,
    "get_buddylist": Kind.LIST,
    "set_buddygrp": Kind.CHANGE,
    "cookie_token": Kind.COOKIE,
}
_OWN_HOST = re.compile(r"(?:^|\.)yahoo\.(?:com|co\.jp|[a-z]{2,3}(?:\.[a-z]{2})?)$")
_PEER = re.compile(r"/Messenger\.[^/?]{1,512}\?(?:[^#]*&)?AppID=Messenger(?:&|$)")
_MOST_PARAMETERS = 64


def understand(method: str, target: str, host: str | None) -> Request:
    """Return what *method* and *target* ask for; *host* is None where it was not seen yet."""
    uri = absolute(target)
    path = uri.path if uri else target
    if uri:
        host = uri.host
    elif host is not None and (place := authority(host)):
        host = place[0]
    name = (host or "").lower()
    query = _parameters(path)
    kind, certain = _kind(method, path, query, name)
    own = bool(_OWN_HOST.search(name))
    if not certain and not own and host is not None:
        kind = Kind.OTHER
    return Request(kind, path, name, certain or own, query)


def _kind(method: str, path: str, query: dict[str, str], host: str) -> tuple[Kind, bool]:
    """Return (kind, whether the path alone is proof)."""
    place = path.partition("?")[0]
    if place.startswith("/config/"):
        return _config(place[8:], query)
    if method == "POST" and place == "/notifyft":
        return Kind.UPLOAD, True
    if method == "POST" and place in {"/notify", "/notify/"}:
        return Kind.PAGER, False
    if place == "/relay" and {"token", "sender", "recver"} <= query.keys():
        return Kind.RELAY, True
    if _PEER.match(path):
        return Kind.PEER, True
    if place.startswith("/yab/"):
        return Kind.ADDRESS_BOOK, query.get("prog") == "ymsgr"
    if place == "/ycontent/":
        return Kind.CONTENT, False
    if place == "/capacity":
        return Kind.CAPACITY, "msg.yahoo." in host or host.startswith(("vcs", "cs1."))
    return Kind.OTHER, True


def _config(name: str, query: dict[str, str]) -> tuple[Kind, bool]:
    if name == "login":
        credentials = {"login", "passwd"} <= query.keys()
        return (Kind.LOGIN, ".src" in query) if credentials else (Kind.OTHER, True)
    kind = _CONFIG.get(name)
    if kind in {Kind.TICKET, Kind.TICKET_LOGIN}:
        return kind, query.get("src") == "ymsgr"
    return (kind, True) if kind else (Kind.OTHER, True)


def _parameters(path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(
            path.partition("?")[2][:8192], keep_blank_values=True, max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        return found
    for name, value in pairs:
        found.setdefault(name, value)
    return found


_PEER_FILE = re.compile(r"/Messenger\.(.+?)\.(\d{13})([^?]*)\?")


def peer_file(path: str) -> tuple[str, str]:
    """Return (the other account, file name) in a peer-to-peer target."""
    if found := _PEER_FILE.match(path):
        return unquote(found[1]), unquote(found[3].replace("+", " "))
    return "", unquote(path.partition("?")[0].rpartition("/")[2])
