"""What the engine adds to an event: when, where, on whose flow, how sure."""

from functools import lru_cache
from typing import TypeAlias

import msgspec

from backchannel.events import Event
from backchannel.flows.row import flow_id
from backchannel.model import Confidence, Endpoint, Side, Transport

FLOWS = 8192
"""Flows whose Community ID is remembered, because many events tell of the same ones."""


class FlowInfo(msgspec.Struct, frozen=True, array_like=True):
    """The flow that an observation is about. For an inner stream: the carrier's."""

    serial: int
    """Counts the flows of a run from 1."""
    transport: Transport
    client: Endpoint
    server: Endpoint
    number: int | None = None
    """IP protocol number; None where there is to be no Community ID."""
    vlans: tuple[int, ...] = ()
    tunnel: str = ""
    begun: bool = True
    types: tuple[int, int] = (0, 0)
    """ICMP type and code of the first packet."""

    @property
    def community_id(self) -> str:
        """Community ID, version 1; worked out when asked for, because few flows are."""
        return "" if self.number is None else _community_id(self)


@lru_cache(maxsize=FLOWS)
def _community_id(flow: FlowInfo) -> str:
    assert flow.number is not None
    return flow_id(flow.number, flow.client, flow.server, flow.types)


Place: TypeAlias = tuple[str, str, str, Confidence, str]
"""Stack, protocol, service, confidence and account of a stream at a moment."""


class Observation(msgspec.Struct, frozen=True, array_like=True):
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
    """True where by the bytes the flow's server is the client."""
