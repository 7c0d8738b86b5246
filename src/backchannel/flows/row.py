"""What is known of one flow, and its Community ID."""

import hashlib
import struct
from binascii import b2a_base64
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton

import msgspec

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
PORTED = frozenset({6, 17, 33, 132, 136})
"""IP protocols with ports: TCP, UDP, DCCP, SCTP, UDP-Lite."""
ICMP, ICMP6 = 1, 58


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


class FlowInfo(msgspec.Struct, frozen=True, array_like=True):
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
        return "" if self.number is None else _community_id(self)


@lru_cache(maxsize=FLOWS)
def _community_id(flow: FlowInfo) -> str:
    assert flow.number is not None
    return flow_id(flow.number, flow.client, flow.server, flow.types)


# Request and answer types that take each other's place, as in the Community ID specification.
_PAIRS = {
    ICMP: {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10},
    ICMP6: {
        128: 129,
        129: 128,
        133: 134,
        134: 133,
        135: 136,
        136: 135,
        130: 131,
        131: 130,
        139: 140,
        140: 139,
        144: 145,
        145: 144,
    },
}


def icmp_ports(protocol: int, kind: int, code: int) -> tuple[int, int]:
    """Return what stands for the ports of an ICMP packet: its type, and its answer's type.

    A type without an answer gives its code instead, and such flows have one direction only.
    """
    return kind, _PAIRS[protocol].get(kind, code)


def flow_id(protocol: int, client: Endpoint, server: Endpoint, types: tuple[int, int]) -> str:
    """Return the Community ID of a flow; *types* are ICMP's, of its first packet."""
    ends = _packed(client.address), _packed(server.address)
    if protocol in _PAIRS:
        return community_id(protocol, *ends, *icmp_ports(protocol, *types))
    return community_id(protocol, *ends, client.port, server.port)


_SHA1 = hashlib.sha1(usedforsecurity=False)
_PORTS = struct.Struct(">HH").pack
_HASHED = frozenset({6, 17, 132, *_PAIRS})
"""IP protocols whose ports go into the Community ID."""


def community_id(protocol: int, client: bytes, server: bytes, sport: int, dport: int) -> str:
    """Return the Community ID of a flow; an ICMP flow gives `icmp_ports` for its ports."""
    one_way = protocol in _PAIRS and sport not in _PAIRS[protocol]
    if not one_way and (server, dport) < (client, sport):
        client, server, sport, dport = server, client, dport, sport
    ports = _PORTS(sport, dport) if protocol in _HASHED else b""
    digest = _SHA1.copy()  # which takes half as long as making a new one
    digest.update(b"\0\0%b%b%c\0%b" % (client, server, protocol, ports))
    return "1:" + b2a_base64(digest.digest(), newline=False).decode()


def _packed(address: str) -> bytes:
    return inet_pton(AF_INET6 if ":" in address else AF_INET, address)
