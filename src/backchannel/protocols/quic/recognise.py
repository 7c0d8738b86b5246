"""Which flows may be QUIC: a first datagram with a header that fits. The session proves it, since
that takes keys.
"""

from backchannel.model import Claim, More
from backchannel.protocols import Peek
from backchannel.protocols.quic import SMALLEST
from backchannel.protocols.quic.versions import EARLY, INITIAL
from backchannel.protocols.quic.wire import SHORTEST_ID, Packet, is_long, read_packet
from backchannel.reader import WireError

_FIXED = 0x40
"""A bit that is set until both sides agree that it is random (RFC 9287)."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow of which a side's first datagram can be a client's: the session has to prove
    it.
    """
    if peek.transport != "udp":
        return None
    for datagram in (peek.client, peek.server):
        packet = opening(datagram)
        if packet is not None:
            return Claim("quic", evidence=f"QUIC version {packet.version.name}, opened by its key")
    return None


def opening(datagram: bytes) -> Packet | None:
    """Return the first packet of a *datagram* that a client may begin with; None otherwise."""
    if not is_long(datagram) or not datagram[0] & _FIXED:
        return None
    try:
        packet = read_packet(datagram, 0)
    except WireError:
        return None
    if packet is None or packet.kind == EARLY or can_begin(packet, datagram):
        return packet
    return None


def can_begin(packet: Packet, datagram: bytes) -> bool:
    """Whether *packet* has what a client's first Initial must have (RFC 9000 §7.2, §14.1)."""
    return (
        packet.kind == INITIAL and len(packet.target) >= SHORTEST_ID and len(datagram) >= SMALLEST
    )
