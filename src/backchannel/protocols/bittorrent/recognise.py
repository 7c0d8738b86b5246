"""Whose bytes are these? A peer's by its handshake, or amid a stream by requests and blocks.

A connection that another flow announced is claimed besides where it opens as an encrypted one does
(MSE): nothing marks those bytes, so without the announcement they are nobody's.
"""

from backchannel.model import MORE, Claim, Confidence, More
from backchannel.protocols import Peek
from backchannel.protocols.bittorrent.wire import OPENING, begins

KEY = 96
"""Bytes of the number that each side of MSE sends first."""
_DIFFERENT = 56
"""Different bytes that 96 random ones have at least: on average 80, with a deviation of 4."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim what opens with a handshake, goes on with requests, or was announced."""
    if peek.transport != "tcp":
        return None
    waits = False
    for data in (peek.client, peek.server):
        if data.startswith(OPENING):
            return Claim("bittorrent", evidence="handshake of a peer")
        if not peek.begun and begins(data):
            return Claim("bittorrent", evidence="request for a block, or the block")
        waits |= bool(data) and OPENING.startswith(data)
    if waits:
        return MORE
    return _sealed(peek.client) if peek.start.service == "bittorrent" else None


def _sealed(data: bytes) -> Claim | More | None:
    """Claim the random number that opens an encrypted connection."""
    if len(data) < KEY:
        return MORE
    if len(set(data[:KEY])) < _DIFFERENT:
        return None
    evidence = "an announced connection that opens with random bytes"
    return Claim("bittorrent", Confidence.EXPECTED, evidence)
