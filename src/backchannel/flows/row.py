"""What is known of one flow."""

from functools import lru_cache

import msgspec

from backchannel.flows.community import flow_id
from backchannel.model import Endpoint, Transport

OPENING, ESTABLISHED, CLOSING, CLOSED, RESET, MIDSTREAM = (
    "opening",
    "established",
    "closing",
    "closed",
    "reset",
    "midstream",
)
FLOWS = 8192
"""Flows whose Community ID is remembered, because many events tell of the same ones."""
_remembered = lru_cache(maxsize=FLOWS)(flow_id)
PORTED = frozenset({6, 17, 33, 132, 136})
"""IP protocols with ports: TCP, UDP, DCCP, SCTP, UDP-Lite."""


class FlowRow(msgspec.Struct, frozen=True, gc=False):
    """One flow as the core knows it now. Pairs are (client, server)."""

    serial: int
    """1, 2, 3 ... in the order in which flows began."""
    transport: Transport
    protocol: int
    """IP protocol number."""
    client: Endpoint
    server: Endpoint
    types: tuple[int, int]
    """ICMP type and code of the first packet; (0, 0) for everything else."""
    vlans: tuple[int, ...]
    """VLAN ids, outermost first."""
    tunnel: str
    """Tunnels around the packets, outermost first: `gre`, `vxlan:42/ipip`; empty for none."""
    begun: bool
    """True where the flow's beginning was seen: a SYN or SYN-ACK; always for UDP and others."""
    hits: int
    """Bit n is set when a magic of protocol n matched."""
    expected: tuple[int, ...]
    """Tokens of the expectations that this flow fulfils."""
    missed: tuple[int, int]
    """Payload bytes that went by before this flow was wanted: 0 means that the deliveries of a
    side begin with its first byte (or with the first one captured)."""
    first_time: int
    last_time: int
    """Nanoseconds since 1970."""
    first_frame: int
    last_frame: int
    """Counted from 1 over all input."""
    packets: tuple[int, int]
    bytes: tuple[int, int]
    """Lengths of the innermost IP packets."""
    payload_bytes: tuple[int, int]
    """Bytes above the transport header, as the packets claim, retransmissions included."""
    tcp_flags: tuple[int, int]
    """All flags seen, or-ed."""
    state: str
    """TCP: `opening established closing closed reset midstream`; empty for others."""
    retransmissions: int
    conflicts: int
    """Retransmissions whose bytes differ from the first ones (looked for in wanted flows)."""
    out_of_order: int
    gaps: tuple[int, int]
    """Bytes skipped in the sequence numbers and not seen since."""
    zero_windows: int

    @property
    def community_id(self) -> str:
        """Community ID, version 1, seed 0."""
        return flow_id(self.protocol, self.client, self.server, self.types)


class FlowInfo(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Who talks with whom: what does not change while a flow lives."""

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
        if self.number is None:
            return ""
        return _remembered(self.number, self.client, self.server, self.types)
