"""Gnutella2: the same flows as Gnutella's, with the other network expected.

The handshake is Gnutella's 0.6, and servents of both networks share one UDP port, so the decoders
are shared too (`protocols/gnutella`). What differs are the packets behind them.
"""

from backchannel.model import Claim, More
from backchannel.protocols import Peek
from backchannel.protocols.gnutella import recognise as either
from backchannel.protocols.gnutella import session as gnutella
from backchannel.protocols.gnutella.connection import Network

__all__ = ["Session", "recognise"]


def recognise(peek: Peek) -> Claim | More | None:
    """Say whether these bytes are Gnutella2's."""
    return either.recognise(peek, "gnutella2")


class Session(gnutella.Session):
    """One flow of a Gnutella2 node."""

    network: Network = "gnutella2"
