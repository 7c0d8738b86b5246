"""What a browsed host answers: a stream of query hits of either network. Bytes in, events out."""

from collections.abc import Iterator
from typing import Protocol

from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.gnutella import messages, wire
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella2 import packets, tree


class Listing(Protocol):
    """Decodes the body of one answer."""

    def feed(self, data: bytes) -> Iterator[list[Output]]:
        """Yield what the next bytes of the body mean; raises WireError when they are not a list."""


class _Messages:
    """Gnutella query hits; holds at most one."""

    def __init__(self, side: Side, memory: Memory) -> None:
        self._buffer, self._side, self._memory = bytearray(), side, memory

    def feed(self, data: bytes) -> Iterator[list[Output]]:
        """See `Listing`."""
        self._buffer += data
        for message in wire.take_messages(self._buffer):
            self._memory.count(self._side, "listing", wire.HEADER + len(message.body))
            if message.kind == wire.HIT:
                yield messages.listing(message, self._memory)


class _Packets:
    """Gnutella2 query hits; holds at most one."""

    def __init__(self, side: Side, memory: Memory) -> None:
        self._buffer, self._side, self._memory = bytearray(), side, memory

    def feed(self, data: bytes) -> Iterator[list[Output]]:
        """See `Listing`."""
        self._buffer += data
        for packet in tree.take_packets(self._buffer):
            self._memory.count(self._side, "listing", len(packet.body))
            yield packets.listing(packet, self._memory)


def listing_for(media: str, side: Side, memory: Memory) -> Listing | None:
    """Return what decodes a list of *media* type from *side*; None for pages meant for people."""
    media = media.lower()
    if "application/x-gnutella2" in media:
        return _Packets(side, memory)
    return _Messages(side, memory) if "application/x-gnutella-packets" in media else None
