"""Tells SOCKS from all else by the first bytes of both sides.

A greeting is short (`05 01 00`), so it counts only with a fitting answer, or with a whole request
behind it. SOCKS4's `04 01` opens TDS answers too, so it counts only with a fitting reply or a name.
Amid a stream nothing is left that could be recognised.
"""

import re

from backchannel.model import LATER, MORE, More
from backchannel.protocols.socks import wire
from backchannel.reader import WireError

_HOST = re.compile(r"[!-~]{1,255}")
_USER = re.compile(r"[^\x00-\x1f\x7f]{0,255}")

_VERBS = (b"", b"\1", b"\2", b"\xf0")
PREAMBLE = 64
"""Bytes that a proxy which connects back may say of itself before it answers as one."""
_ACCEPTED = re.compile(
    rb"\x05(?:\x00|\x02\x01\x00)\x05[\x00-\x08]\x00(?:\x01.{6}|\x03.{4}|\x04.{18})", re.DOTALL
)

Verdict = str | More | None

_METHODS = {0: "no login", 1: "GSSAPI", 2: "user name and password"}
"""RFC 1928 §3."""


def judge(client: bytes, server: bytes, begun: bool) -> Verdict:
    """Return what shows that this is SOCKS, MORE while it fits, None when it does not."""
    try:
        if client[:1] == b"\x05":
            verdict = _greeted(client, server)
        elif client[:1] == b"\x04":
            verdict = _asked(client, server)
        elif not client and server[:1] == b"\x05":
            verdict = _answered(server)
        else:
            return None
    except WireError:
        return None
    if not begun and isinstance(verdict, str) and not (client and server):
        return None
    return verdict


def judge_reverse(caller: bytes, called: bytes) -> Verdict:
    """Judge a connection whose *caller* is the proxy: it connects back to whoever will use it."""
    if called[:1] not in (b"\4", b"\5"):
        return None
    try:
        judge_two = _greeted if called[0] == 5 else _asked
        verdict = judge_two(called, caller)
    except WireError:
        verdict = None
    if verdict is None and called[0] == 5 and caller:
        return _introduced(caller, called)
    return MORE if verdict and not caller else verdict


def _introduced(caller: bytes, called: bytes) -> Verdict:
    """Judge a caller that says a few bytes of its own before it answers as a proxy."""
    found = wire.read_greeting(called)
    if caller[:1] in b"\0\4\5" or found is None or not _sound(found[0]):
        return None
    try:
        ahead = _ahead(found[0], called[found[1] :])
    except WireError:
        return None
    if isinstance(ahead, str) and preamble(caller):
        return f"{ahead}, and the answers of a proxy that connects back"
    return MORE if ahead and len(caller) <= PREAMBLE else None


def preamble(answers: wire.Buffer) -> int:
    """Return how many bytes stand before a choice of method and a reply, 0 where neither is there.

    Both must be whole: nothing less tells them from the bytes before.
    """
    found = _ACCEPTED.search(answers, 0, PREAMBLE + 32)
    return found.start() if found and found.start() <= PREAMBLE else 0


def _greeted(client: bytes, server: bytes) -> Verdict:
    greeting = wire.read_greeting(client)
    if greeting is None:
        return None if server else MORE
    methods, end = greeting
    offered = methods.replace(bytes((wire.REFUSED,)), b"")
    sound, ahead = _sound(methods), _ahead(offered, client[end:])
    if not ahead:
        return None
    if not server and not sound:  # until both have shown what they agreed on
        return MORE if offered else None
    if not server:
        if isinstance(ahead, str):
            return "SOCKS5 greeting and request"
        return LATER if end == len(client) else MORE  # now it is the server's turn
    if server[0] == 0:
        return _mismatch(server)
    chosen = wire.read_pair(server, b"\5")
    if chosen is None:
        return MORE
    if chosen[0] == wire.REFUSED:
        return "SOCKS5 greeting, refused" if len(server) == 2 else None
    if not sound or chosen[0] not in methods:
        return _agreed(client[end:], server[2:]) if chosen[0] == wire.NONE else None
    fits = _fits(chosen[0], client[end:], server[2:])
    named = _METHODS.get(chosen[0], "its own")
    return f"SOCKS5 greeting and choice of method {chosen[0]}, {named}" if fits else None


def _sound(methods: bytes) -> bool:
    """Whether a client may offer *methods*: some, each once."""
    return bool(methods) and len(set(methods)) == len(methods) and wire.REFUSED not in methods


def _agreed(client: bytes, server: bytes) -> Verdict:
    """Judge two whose choice of method is none, by their request and its reply: both must be whole.

    Who offers a method twice, or takes what was not offered, still gets through.
    """
    asked = _request(wire.read_request5(client))
    if not isinstance(asked, str):
        return asked
    return f"{asked} and reply" if wire.read_reply5(server) else MORE


def _mismatch(server: bytes) -> Verdict:
    """A SOCKS4 server's reply to a SOCKS5 greeting."""
    reply = wire.read_reply4(server)
    if reply is None:
        return MORE
    refused = reply[0].code != wire.GRANTED and len(server) == 8
    return "SOCKS5 greeting, refused by a SOCKS4 server" if refused else None


def _ahead(methods: bytes, rest: bytes) -> Verdict:
    """Judge what a client sent behind its greeting, not knowing which method was chosen."""
    if not rest:
        return MORE
    if rest[0] == 5:
        known = len(rest) == 1 or rest[1] in wire.COMMANDS
        return _request(wire.read_request5(rest)) if known else None
    if rest[0] != 1:
        return MORE if set(methods) - {wire.NONE, wire.GSSAPI, wire.USERPASS, wire.CHAP} else None
    if wire.USERPASS not in methods:
        return MORE if set(methods) & {wire.GSSAPI, wire.CHAP} else None
    login = wire.read_userpass(rest)
    behind = rest[login[1] :] if login else b""
    if set(methods) & {wire.GSSAPI, wire.CHAP}:  # which begin with 1 too
        named = login is not None and _USER.fullmatch(login[0][0])  # a token's size begins with 0
        asks = len(behind) > 2 and behind[0] == 5 and behind[1] in wire.COMMANDS and not behind[2]
        if not named or not asks:
            return MORE
    return _request(wire.read_request5(behind)) if behind else MORE


def _request(found: tuple[wire.Request, int] | None) -> Verdict:
    if found is None:
        return MORE
    request = found[0]
    plausible = request.command in wire.COMMANDS and _HOST.fullmatch(request.host)
    return "SOCKS5 request" if plausible else None


def _fits(method: int, client: bytes, server: bytes) -> bool:
    """Whether the bytes behind the choice of *method* can be what must follow it."""
    starts = {wire.NONE: b"\5", wire.GSSAPI: b"\1", wire.USERPASS: b"\1", wire.CHAP: b"\1"}
    if method not in starts:
        return True
    answers = starts[method] if method != wire.USERPASS else b"\1\5"
    return client[:1] in starts[method] and (not server or (bool(client) and server[0] in answers))


def _asked(client: bytes, server: bytes) -> Verdict:
    found = wire.read_request4(client)
    if found is None:
        return None if server or client[1:2] not in _VERBS else MORE
    if not _plausible(request := found[0]):
        return None
    named = request.scheme == "socks4a"
    if not server:
        if named and "." in request.host:
            return "SOCKS4a request"
        return LATER if found[1] == len(client) else MORE  # now it is the server's turn
    if server[0] == 5:
        return _refused_by_5(server)
    return f"SOCKS4{'a' * named} request and reply" if wire.read_reply4(server) else MORE


def _plausible(request: wire.Request) -> bool:
    nowhere = request.scheme == "socks4" and request.host.startswith(("0.", "255."))
    known = request.command in (wire.CONNECT, wire.BIND, wire.RESOLVE)
    texts = _USER.fullmatch(request.user) and _HOST.fullmatch(request.host)
    return known and bool(texts) and not nowhere


def _refused_by_5(server: bytes) -> Verdict:
    if server == b"\5":
        return MORE
    return "SOCKS4 request, refused by a SOCKS5 server" if server == b"\5\xff" else None


def _answered(server: bytes) -> Verdict:
    """Judge a server whose client was not captured: its choice and its reply must both be whole."""
    chosen = wire.read_pair(server, b"\5")
    if chosen is None:
        return MORE
    rest = server[2:]
    if chosen[0] == wire.USERPASS and rest:
        status = wire.read_pair(rest, b"\1")
        rest = rest[2:] if status == (0, 2) else b""
    elif chosen[0] != wire.NONE:
        return None
    if rest[1:3] not in (b"", b"\0", b"\0\0"):
        return None
    reply = wire.read_reply5(rest)
    return "SOCKS5 choice of method and reply" if reply else MORE
