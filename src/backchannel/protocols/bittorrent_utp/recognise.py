"""Whose bytes are these? uTP's by an exchange: ids of one connection, and what was acknowledged.

One packet proves nothing. An answer to a SYN repeats its id and acknowledges its number: 32 bits
that chance would have to meet. Amid a connection the sides' ids differ by one, and each
acknowledges about what the other sends.
"""

from backchannel.model import MORE, Claim, Confidence, More
from backchannel.protocols import Peek
from backchannel.protocols.bittorrent_utp.wire import LAST, Packet, Type, ahead, read_packet

NEAR = 512
"""Packets that may be under way."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim by the first datagrams of both sides, or by one where it was announced."""
    if peek.transport != "udp":
        return None
    client = read_packet(peek.client) if peek.client else None
    server = read_packet(peek.server) if peek.server else None
    if client is not None and server is not None:
        evidence = answers(client, server) or answers(server, client)
        if evidence:
            return Claim("bittorrent-utp", evidence=evidence)
    if (client is None and peek.client) or (server is None and peek.server):
        return None
    if peek.start.service == "bittorrent":
        return Claim("bittorrent-utp", Confidence.EXPECTED, "a packet of uTP, announced")
    return None if peek.client and peek.server else MORE


def answers(first: Packet, second: Packet) -> str:
    """Return what shows that two packets belong to one connection; empty where nothing does."""
    if first.type is Type.SYN:
        fits = second.type in (Type.STATE, Type.DATA, Type.RESET)
        same = second.connection == first.connection and second.acknowledged == first.number
        return "SYN of uTP and its answer" if fits and same else ""
    if Type.SYN in (first.type, second.type):
        return ""
    apart = first.connection - second.connection & LAST
    near = max(
        abs(ahead(first.acknowledged, second.number)), abs(ahead(second.acknowledged, first.number))
    )
    return "two sides of a uTP connection" if apart in (1, LAST) and near < NEAR else ""
