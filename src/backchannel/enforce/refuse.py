"""How a refused packet's ends are told: a reset for the receiver, or the offer taken out of it."""

from contextlib import suppress
from socket import IPPROTO_TCP
from typing import Protocol

from backchannel.enforce import decline, inject
from backchannel.enforce.patches import Patches
from backchannel.enforce.record import Book
from backchannel.enforce.sift import Packet
from backchannel.enforce.tcp import SYN, ahead
from backchannel.engine.stream import Stream

ENDS = 65_536
"""Refused connections of a second whose end the core is told; others it keeps until they idle."""


class Sender(Protocol):
    """Sends packets of our own."""

    def send(self, packet: bytes) -> int:
        """Have *packet* sent; return how many were to be sent up to it, 0 where it could not be."""


class Refuser:
    """Tells the ends. What the packet's sender hears comes from the kernel."""

    def __init__(self, injector: Sender | None, book: Book) -> None:
        self._injector, self._book = injector, book
        self._patches = Patches()
        self.ends: list[bytes] = []
        """Resets that the packet core is to see, so that it lets go of refused connections."""

    def reset(self, packet: Packet, first: int | None = None) -> None:
        """Reset the connection for the packet's receiver, at the byte that it waits for: the
        packet's, or *first*, the first byte that was held back, where that comes before.
        """
        if packet.protocol != IPPROTO_TCP or packet.flags & SYN or self._injector is None:
            return
        if packet.tunnelled:
            return
        try:
            segment = inject.Segment(packet.payload)
            if first is not None and ahead(segment.seq, first) > 0:
                segment.seq = first
            made = inject.reset_to_target(segment)
        except ValueError:
            self._book.count("resets not made: the packet was too short")
            return
        if not self._injector.send(made):
            self._book.count("resets not sent: the kernel would not")

    def tell(self, made: bytes) -> int:
        """Send a packet that tells a sender what came; return as `Sender.send` does."""
        number = self._injector.send(made) if self._injector is not None else 0
        if number:
            self._book.count("packets sent to tell senders that theirs came")
        return number

    def over(self, packet: Packet) -> None:
        """Remember that a refused connection is over, whose end nobody here will see."""
        if packet.protocol == IPPROTO_TCP and not packet.tunnelled and len(self.ends) < ENDS:
            with suppress(ValueError):  # too short, as was counted
                self.ends.append(inject.reset_to_target(inject.Segment(packet.payload)))

    def decline(self, packet: Packet, stream: Stream) -> bytes | None:
        """Return the packet with the offer in it overwritten; None where that is not safe."""
        if packet.protocol != IPPROTO_TCP or packet.joined or packet.tunnelled or packet.ahead > 0:
            return None
        if stream.session is None or not _plain(stream):
            return None
        segment = inject.Segment(packet.payload)
        data = decline.neutral(stream.spoken, segment.data)
        if data is None:
            self._book.count("offers not overwritten, so reset: not alone in whole messages")
            return None
        self._patches.note((packet.slot, packet.serial, packet.side), packet.begin, data)
        return inject.with_data(segment, data)

    def again(self, packet: Packet) -> bytes | None:
        """Return a packet of which something was overwritten before, with that overwritten again;
        empty where it cannot be. None: it holds nothing of that kind.
        """
        if not self._patches or packet.protocol != IPPROTO_TCP or not packet.length:
            return None
        segment = inject.Segment(packet.payload)
        side = packet.slot, packet.serial, packet.side
        data = self._patches.over(side, packet.begin, segment.data)
        if data is None:
            return None
        self._book.count("offers overwritten again")
        return b"" if packet.joined else inject.with_data(segment, data)


def _plain(stream: Stream) -> bool:
    """Say whether packets' are the stream's own: on the connection itself, or in a proxy
    that hands everything on as it comes.
    """
    return stream.slot >= 0 or stream.carrier.startswith(("socks", "http-connect"))
