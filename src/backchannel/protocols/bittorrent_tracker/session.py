"""A flow between a program and a tracker, over UDP or HTTP. See `datagrams` and `web`."""

from backchannel.protocols import Start
from backchannel.protocols.bittorrent_tracker.datagrams import Datagrams
from backchannel.protocols.bittorrent_tracker.recognise import recognise
from backchannel.protocols.bittorrent_tracker.web import Web

__all__ = ["Session", "recognise"]


def Session(start: Start) -> Datagrams | Web:  # noqa: N802 - what a protocol's decoder is called
    """One flow."""
    return Datagrams(start) if start.transport == "udp" else Web(start)
