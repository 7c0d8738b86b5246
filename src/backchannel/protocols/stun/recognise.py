"""Whose bytes are these? STUN by its cookie, its length and attributes that fill it to the byte.

Without the cookie (RFC 3489) an answer has to repeat the 16 bytes of the question, or a message
must have an attribute whose form is fixed. Microsoft's TURN is known by a cookie of its own.
"""

from functools import cache

from backchannel.model import MORE, Claim, More
from backchannel.protocols import Peek
from backchannel.protocols.stun.framing import ENOUGH, framed
from backchannel.protocols.stun.services import MARK, read_unpadded
from backchannel.protocols.stun.wire import (
    CHANGE_REQUEST,
    COOKIE,
    ERROR,
    HEADER,
    METHODS,
    REQUEST,
    SUCCESS,
    Message,
    read,
    size_of,
)
from backchannel.reader import WireError


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow of which a first message is STUN."""
    if peek.transport == "udp":
        return _datagrams(peek)
    return _streams(peek) if peek.transport == "tcp" else None


def _datagrams(peek: Peek) -> Claim | More | None:
    client, server = _message(peek.client), _message(peek.server)
    for one in (client, server):
        if one is not None and one.is_modern():
            answers = one is client and one.kind in (SUCCESS, ERROR) and not peek.server
            return _claim(one.method, answers)
    if (found := _microsoft(peek)) is not None:
        return found
    if client is None and server is None:
        return None
    return _classic(client, server, peek)


def _message(data: bytes) -> Message | None:
    try:
        return read(data) if data else None
    except WireError:
        return None


def _microsoft(peek: Peek) -> Claim | None:
    """Claim a message that has Microsoft's cookie, and attributes that fill it without padding."""
    for data in (peek.client, peek.server):
        if not data.startswith(MARK, HEADER):
            continue
        if (found := read_unpadded(data)) is not None:
            answers = found[1] in (SUCCESS, ERROR) and not peek.server
            said = "Microsoft's TURN, its cookie and attributes to the last byte"
            return Claim("stun", evidence=said, flipped=answers)
    return None


@cache
def _claim(method: int, answers: bool) -> Claim:
    """Return what ten thousands of flows may share."""
    name = METHODS.get(method, f"method {method:#x}")
    said = f"STUN {name}, magic cookie and attributes to the last byte"
    return Claim("stun", evidence=said, flipped=answers)


def _classic(client: Message | None, server: Message | None, peek: Peek) -> Claim | More | None:
    for asked, other, data in ((client, server, peek.server), (server, client, peek.client)):
        if asked is None or asked.kind != REQUEST or not asked.is_classic():
            continue
        if other is not None and other.transaction == asked.transaction and other.is_classic():
            return Claim("stun", evidence="RFC 3489 binding request and its answer")
        if asked.has(CHANGE_REQUEST) and not data:
            return Claim("stun", evidence="RFC 3489 binding request with CHANGE-REQUEST")
        return None if data else MORE
    for one, data in ((client, peek.server), (server, peek.client)):
        if one is not None and one.kind == SUCCESS and not data and one.is_classic():
            return Claim("stun", evidence="RFC 3489 binding answer with MAPPED-ADDRESS")
    return None


def _streams(peek: Peek) -> Claim | More | None:
    answers = [_opening(data) for data in (peek.client, peek.server) if data]
    if not answers or None in answers:
        return None
    return MORE if MORE in answers else Claim("stun", evidence="STUN message over TCP")


def _opening(data: bytes) -> bool | More | None:
    """Whether a stream opens with a message, with or without its length in front; MORE, None."""
    if len(data) < ENOUGH:
        plain = data[0] < 0x40 and COOKIE.startswith(data[4:8])
        return MORE if plain or (data[0] < 4 and COOKIE.startswith(data[6:10])) else None
    start = 2 if framed(data) else 0
    size = size_of(data[start : start + 4]) if data[start] < 0x40 else 0
    if not size or data[start + 4 : start + 8] != COOKIE:
        return None
    if start and int.from_bytes(data[:2], "big") != size:
        return None
    if len(data) < start + HEADER:
        return MORE
    end = start + size
    return True if len(data) < end or _message(data[start:end]) is not None else None
