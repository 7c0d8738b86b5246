"""A flow between a program and a tracker, over UDP or HTTP. See `datagrams` and `web`."""

from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.bittorrent_tracker.datagrams import Datagrams
from backchannel.protocols.bittorrent_tracker.recognise import recognise
from backchannel.protocols.bittorrent_tracker.web import Web

__all__ = ["Session", "recognise"]


class Session:
    """One flow."""

    service = "bittorrent"

    def __init__(self, start: Start) -> None:
        self._part = Datagrams(start) if start.transport == "udp" else Web(start)

    @property
    def standing(self) -> Standing:
        """What the part thinks of it."""
        return self._part.standing

    @property
    def done(self) -> bool:
        """Whether no more of it is wanted."""
        return self._part.done

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next bytes, or one datagram, of *side*; return what they meant."""
        return self._part.feed(side, data)

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        return self._part.gap(side, size)

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        return self._part.end(side)
