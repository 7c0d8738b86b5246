"""What the engine adds to an event: when, where, on whose flow, how sure."""

from typing import TypeAlias

import msgspec

from backchannel.events import Event
from backchannel.flows.row import FlowInfo
from backchannel.model import Confidence, Endpoint, Side

__all__ = ["FlowInfo", "Observation", "Place"]

Place: TypeAlias = tuple[str, str, str, Confidence, str]
"""Stack, protocol, service, confidence and account of a stream at a moment."""


class Observation(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One event with its time, place and standing."""

    time: int
    """Nanoseconds since 1970, of the packet that completed the event."""
    frame: int
    """Number of that packet, from 1, over all inputs in reading order."""
    flow: FlowInfo
    stack: str
    """The protocols that carry it, outermost first, such as `socks5/oscar`."""
    protocol: str
    service: str
    confidence: Confidence
    side: Side
    event: Event
    target: Endpoint | None = None
    """Where an inner stream leads; None for a flow of its own."""
    account: str = ""
    """Whose session it is, as far as known."""
    flipped: bool = False
    """True where by the bytes the flow's server, which did not open it, is the client. Where nobody
    saw who did, the bytes say who is `flow.client`."""
