"""Where calls go on that show no service by themselves: from the socket that asked the relay and
was answered, or to a peer that it was asked for. All flows share what is known; held: the sockets
of the latest HOSTS, the latest SHARE of each, so that nobody drives out what others are known by.
"""

from typing import TypeAlias, TypeVar

from backchannel.effects import Remember
from backchannel.events import ProxyRequest
from backchannel.model import Endpoint
from backchannel.protocols import Output, Start
from backchannel.protocols.stun.services import Owner

K = TypeVar("K")
V = TypeVar("V")

KEY = "stun/sockets"
HOSTS, SHARE = 256, 32
Socket: TypeAlias = tuple[str, str, int, str]
"""Transport, address and port, and whose flows they count for: a peer is the word of who asks the
relay for it. Empty: everybody's."""
Services: TypeAlias = dict[Socket, str]
"""The service of each socket."""
Sockets: TypeAlias = dict[str, Services]
"""By the host that is known by them, or asked for them. Nobody changes what is remembered."""


def remember(start: Start, service: str, *sockets: Socket) -> list[Output]:
    """Keep *sockets* for other flows to ask about, where they are not known yet."""
    known = _known(start)
    fresh = [each for each in sockets if known.get(_host(each), {}).get(each) != service]
    if not fresh:
        return []
    known = dict(known)
    for each in fresh:
        host = _host(each)
        of_host = dict(known.pop(host, {}))
        of_host.pop(each, None)
        of_host[each] = service
        known[host] = _latest(of_host, SHARE)
    return [Remember(key=KEY, value=_latest(known, HOSTS))]


def of(start: Start, end: Endpoint) -> Socket:
    """Return an *end* of a flow as a socket that counts for everybody."""
    return start.transport, end.address, end.port, ""


def owner_at(start: Start) -> Owner | None:
    """Return whose call a flow is by the sockets that it goes between."""
    known = _known(start)
    if not known:
        return None
    transport, client, server = start.transport, start.client, start.server
    of_client = known.get(client.address, {})
    of_server = known.get(server.address, {})
    service = (
        of_client.get(of(start, client))
        or of_server.get(of(start, server))
        or of_client.get((transport, server.address, server.port, client.address))
        or of_server.get((transport, client.address, client.port, server.address))
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


def _host(socket: Socket) -> str:
    """Return the address of who is known by a socket, or who asked for it."""
    _, address, _, host = socket
    return host or address


def _latest(entries: dict[K, V], most: int) -> dict[K, V]:
    """Return *entries*, without the first where there are more than *most*."""
    while len(entries) > most:
        del entries[next(iter(entries))]
    return entries
