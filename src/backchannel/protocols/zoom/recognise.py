"""Whose bytes are these? Zoom's by an opening or a question that has its whole form, which nothing
else has; midway by media in its encapsulation, or by a server's number in both directions.
"""

from functools import cache

from backchannel.model import MORE, Claim, More
from backchannel.protocols import Peek
from backchannel.protocols.rtp.wire import read_compound, read_packet
from backchannel.protocols.zoom import wire
from backchannel.protocols.zoom.wire import BIND, KINDS, MEDIA, OUTER, PING, PONG, REPORT

_NUMBERED = PING, PONG, MEDIA
_NUMBER = "a media server's number for the flow, in both directions"


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow by one side's first datagram, or by what both have in common."""
    if peek.transport != "udp":
        return None
    for read in (_whole, _media):
        for data, server in ((peek.client, False), (peek.server, True)):
            if (said := read(data)) is not None:
                return _claim(*said, server)
    return _ping(peek)


@cache
def _claim(evidence: str, by_server: bool | None, sure: bool, server: bool) -> Claim:
    """Return what many flows have in common; *server*: whether the side called so sent it."""
    flipped = by_server is not None and by_server is not server
    return Claim("zoom", evidence=evidence, sure=sure, flipped=flipped)


def _whole(data: bytes) -> tuple[str, bool | None, bool] | None:
    """Return what a datagram is that has a form of its own: in words, whether a server sends it
    (None: another client), and whether nothing else looks like it.
    """
    if wire.opening(data):
        return "a client's opening to a media server", False, True
    if wire.question(data):
        return "Zoom's question for one's own address", False, True
    if wire.told(data) is not None:
        return "Zoom's answer with one's own address", True, False  # anybody may send one
    if wire.answer(data):
        return "a media server's answer", True, False
    return None


def _media(data: bytes) -> tuple[str, bool | None, bool] | None:
    """Return the same of media in Zoom's encapsulation."""
    if not data:
        return None
    if wire.read_direct(data) is not None:
        return "a client's attempt to reach another one", None, True
    served = data[0] == MEDIA
    if served and (len(data) <= OUTER or data[7] & 0xFA):
        return None
    inner = wire.read_inner(data, OUTER if served else 0)
    if inner is None or inner.kind == BIND:
        return None
    body, by_server = data[inner.start :], data[7] & 4 != 0 if served else None
    if inner.kind == REPORT:
        fits = read_compound(body) is not None
        return ("RTCP in Zoom's encapsulation", by_server, False) if fits else None
    if read_packet(body) is None:
        return None
    return f"RTP in Zoom's encapsulation, {KINDS[inner.kind]}", by_server, False


def _ping(peek: Peek) -> Claim | More | None:
    """Claim a flow of which one side repeats the other's ping, or has its number at another place.

    A number at the same place of two short packets is nothing: an echo does it, and KCP.
    """
    client, server = peek.client, peek.server
    known = wire.cookie(client) or wire.cookie(server)
    if not known or not all(data[0] in _NUMBERED for data in (client, server) if data):
        return None
    if not client or not server:
        return MORE
    if not _repeats(client, server) and not _agree(client, server):
        return None
    flipped = wire.by_server(client) is True or wire.by_server(server) is False
    return Claim("zoom", evidence=_NUMBER, flipped=flipped)


def _repeats(client: bytes, server: bytes) -> bool:
    return wire.answers_ping(client, server) or wire.answers_ping(server, client)


def _agree(client: bytes, server: bytes) -> bool:
    """Whether both have the same number: one is media and the other none, or both end as pings of
    version 3 do, and say different things.
    """
    if wire.cookie(client) != wire.cookie(server):
        return False
    if MEDIA in (client[0], server[0]):
        return client[0] != server[0]
    return wire.is_sealed(client) and wire.is_sealed(server) and client[1:13] != server[1:13]
