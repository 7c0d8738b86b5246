"""Every bound and time-out of the packet core, with its default and what it is for.

Whatever runs against one of these bounds is counted under its own name; see `counters`.
"""

import msgspec

from backchannel.errors import UsageError

MOST_FLOWS = 1 << 28
MOST_CONTEXTS = 1 << 22
DEEPEST = 16
"""Tags and tunnels of one packet that can be told apart, whatever the setting."""


class FlowSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How much the core remembers, and for how long. Times are seconds of capture time."""

    max_flows: int = 1 << 20
    """Flows remembered at a time. When full, the longest idle of the next 16 flows under the
    expiry hand makes room: half-open and closed ones first, wanted ones last."""
    opening_idle: int = 30
    """A TCP flow of which only an unanswered SYN was seen."""
    closed_idle: int = 10
    """A TCP flow after a reset or both FINs, kept to catch late packets."""
    tcp_idle: int = 60
    """A TCP flow that nobody wants: as flow exporters do. What goes on later is a new flow."""
    tcp_unproved_idle: int = 300
    """A TCP flow that somebody wants, and of which nobody has proved what it speaks, or only that
    it is DNS, TLS or HTTP."""
    tcp_wanted_idle: int = 3600
    """A TCP flow of which that is proved, and more is wanted: chat connections may be silent for
    long."""
    udp_idle: int = 60
    """A UDP flow of which nobody has proved what it speaks, or only that it is DNS or QUIC."""
    udp_wanted_idle: int = 300
    """A UDP flow of which that is proved, and more is wanted."""
    other_idle: int = 60
    """Any other flow of which nobody has proved what it speaks, such as ICMP or GRE."""
    other_wanted_idle: int = 300
    """Any other flow of which that is proved, such as ESP, and more is wanted."""

    payloads: int = 8
    """Payloads of each side that are compared with the magics."""
    stream_bytes: int = 256 * 1024
    """Bytes of one side that wait behind a hole; more and the hole becomes a gap."""
    stream_segments: int = 512
    """Segments of one side that wait behind a hole."""
    opening_bytes: int = 16 * 1024
    """Bytes of one side that wait for its first segment while nobody wants the flow yet."""
    hole_wait: int = 10
    """Seconds that bytes wait behind a hole that the other side does not acknowledge; of a flow
    that nobody wants yet, seconds after its last packet."""
    late_ms: int = 50
    """Milliseconds that they wait behind one that it acknowledges: mirror ports and several receive
    queues capture data behind their acknowledgement."""
    answers_wait: bool = True
    """What acknowledges bytes of the other side that were not captured yet waits for them as long:
    merged captures hold answers before their questions. Without, it comes at once."""
    history_bytes: int = 8 * 1024
    """Last delivered bytes of each side of a wanted flow, kept to notice that a retransmission
    differs from what it repeats."""
    history_idle: int = 30
    """Seconds without a packet after which a flow's last delivered bytes are let go."""
    total_bytes: int = 64 << 20
    """Bytes buffered in all flows together, history included."""

    fragments: int = 4096
    """IP datagrams being put together at a time; the oldest gives way."""
    fragment_bytes: int = 16 << 20
    """Bytes of all unfinished IP datagrams together; the oldest give way."""
    fragment_parts: int = 256
    """Separate pieces of one datagram; more and the datagram is dropped."""
    fragment_wait: int = 30
    """Seconds that an unfinished datagram is kept."""

    tunnel_depth: int = 8
    """Tags and tunnels of one packet; a packet with more is counted and left."""
    ah: bool = True
    """Look inside AH: what it protects is a flow of its own, beside that of AH."""
    vlans: bool = True
    """VLAN ids tell flows apart. Without, both directions are one flow where a mirror port tags
    only one of them, or each differently; so are the flows of networks with the same addresses."""
    contexts: int = 65_536
    """Different combinations of VLAN tags and tunnels told apart; later ones share one."""
    expectations: int = 65_536
    """Announced flows waited for at a time; the oldest gives way."""

    key: int = 0x9E3779B97F4A7C15
    """Key of the hash of the flow table. It changes no result, only which flows collide: set a
    random one where the traffic may be made to collide on purpose (live interfaces)."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            most = 1 << (64 if name == "key" else 40)
            if name not in {"ah", "answers_wait", "vlans"} and not 0 < getattr(self, name) < most:
                raise UsageError(f"{name} must be at least 1 and not beyond all measure")
        if self.tunnel_depth > DEEPEST:
            raise UsageError(f"tunnel_depth can be {DEEPEST} at most")
        if self.max_flows > MOST_FLOWS or self.contexts > MOST_CONTEXTS:
            raise UsageError(f"at most {MOST_FLOWS} flows and {MOST_CONTEXTS} contexts can be kept")
        if self.payloads > 255:
            raise UsageError("at most 255 payloads of a side can be compared")
