"""Where calls go on that show no service by themselves: from the socket that asked the relay, or to
a peer that it was asked for. All flows share what is known; held: MOST of them, the latest.
"""

from typing import NamedTuple, TypeAlias

from backchannel.effects import Remember
from backchannel.events import ProxyRequest
from backchannel.model import Endpoint
from backchannel.protocols import Output, Start
from backchannel.protocols.stun.services import Owner

KEY = "stun/sockets"
MOST = 256


class Socket(NamedTuple):
    """One end of calls to come."""

    end: Endpoint
    host: str
    """Whose flows it counts for: a peer is the word of who asks the relay for it. Empty: all."""
    service: str


Sockets: TypeAlias = tuple[Socket, ...]


def remember(start: Start, *fresh: Socket) -> Remember:
    """Keep *fresh* sockets for other flows to ask about."""
    known = tuple([one for one in _known(start) if one not in fresh])
    return Remember(key=KEY, value=(*known, *fresh)[-MOST:])


def owner_at(start: Start) -> Owner | None:
    """Return whose call a flow is by the sockets that it goes between."""
    ends = start.client, start.server
    for one in _known(start):
        if one.end in ends and one.host in ("", start.client.address, start.server.address):
            return Owner(one.service, "socket")
    return None


def with_peers(start: Start, service: str, asked: list[Output]) -> list[Output]:
    """Return what was told of questions to *service*'s relay, and keep the peers in them."""
    host = start.client.address
    fresh = [
        Socket(Endpoint(one.host, one.port), host, service)
        for one in asked
        if isinstance(one, ProxyRequest)
    ]
    return [*asked, remember(start, *fresh)] if fresh and not start.service else asked


def _known(start: Start) -> Sockets:
    found: Sockets | None = start.recall(KEY) if start.recall is not None else None
    return found or ()
