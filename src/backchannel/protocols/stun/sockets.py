"""Where calls go on that show no service by themselves: from the socket that asked the relay and
was answered, or to a peer that it was asked for. All flows share what is known; held: the latest
MOST, and SHARE of one host, so that nobody drives out what others are known by.
"""

from typing import TypeAlias

from backchannel.effects import Remember
from backchannel.events import ProxyRequest
from backchannel.model import Endpoint
from backchannel.protocols import Output, Start
from backchannel.protocols.stun.services import Owner

KEY = "stun/sockets"
MOST, SHARE = 256, 32
Socket: TypeAlias = tuple[str, str, int, str]
"""Transport, address and port, and whose flows they count for: a peer is the word of who asks the
relay for it. Empty: everybody's."""
Sockets: TypeAlias = dict[Socket, str]
"""Each with its service. Nobody changes one that is remembered."""


def remember(start: Start, service: str, *sockets: Socket) -> list[Output]:
    """Keep *sockets* for other flows to ask about, where they are not known yet."""
    known = _known(start)
    if all(known.get(each) == service for each in sockets):
        return []
    fresh = dict(known)
    for each in sockets:
        fresh.pop(each, None)
        fresh[each] = service
        of_host = [one for one in fresh if _host(one) == _host(each)]
        for old in of_host[:-SHARE]:
            del fresh[old]
    for each in list(fresh)[:-MOST]:
        del fresh[each]
    return [Remember(key=KEY, value=fresh)]


def _host(socket: Socket) -> str:
    """Return the address of who is known by a socket, or who asked for it."""
    _, address, _, host = socket
    return host or address


def of(start: Start, end: Endpoint) -> Socket:
    """Return an *end* of a flow as a socket that counts for everybody."""
    return start.transport, end.address, end.port, ""


def owner_at(start: Start) -> Owner | None:
    """Return whose call a flow is by the sockets that it goes between."""
    known = _known(start)
    if not known:
        return None
    transport, client, server = start.transport, start.client, start.server
    service = (
        known.get(of(start, client))
        or known.get(of(start, server))
        or known.get((transport, server.address, server.port, client.address))
        or known.get((transport, client.address, client.port, server.address))
    )
    return (service, "socket") if service else None


def with_peers(start: Start, service: str, asked: list[Output]) -> list[Output]:
    """Return what was told of questions to *service*'s relay, and keep the peers in them."""
    way, host = start.transport, start.client.address
    fresh = [(way, one.host, one.port, host) for one in asked if isinstance(one, ProxyRequest)]
    return asked + remember(start, service, *fresh) if fresh and not start.service else asked


def _known(start: Start) -> Sockets:
    found: Sockets | None = start.recall(KEY) if start.recall is not None else None
    return found or {}
