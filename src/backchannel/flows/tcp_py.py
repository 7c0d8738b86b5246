"""What a TCP segment does to its flow, in plain Python: the twin of `tcp`.

Every flow is followed like this, wanted or not. No bytes are kept here: that is `stream`'s part.
"""

from collections.abc import Callable
from enum import Enum

from backchannel.flows.decode_py import TCP, Packet
from backchannel.flows.flow_py import ACK, FIN, RST, SYN, Flow
from backchannel.flows.settings import FlowSettings
from backchannel.flows.stream_py import MILLISECOND, WINDOW, ahead

RESET_WINDOW = 1 << 20
"""How far a reset may be from what its side sent last. Receivers heed only exact ones (RFC 5961),
but what they heeded may not have been captured."""
STRAYS = 4
"""Segments out of window, one after another, after which a side is believed to be there."""


class Opened(Enum):
    """How a packet turned out to belong to a new connection between the same ends."""

    NOT = 0
    BY_SYN = 1
    """It is its SYN, or the answer to it."""
    BY_DATA = 2
    """It is its first data."""


class Track(Enum):
    """What a segment brought."""

    STALE = 0
    FRESH = 1
    RESTARTED = 2
    """Fresh bytes, somewhere else entirely."""


def reopens(flow: Flow, packet: Packet, side: int, settings: FlowSettings, time: int) -> Opened:
    """Say whether *packet*, of *time*, belongs to a new connection.

    A SYN ends nothing while the flow lives, or anybody could cut a flow for us with one packet:
    only when it is answered, or its sender goes on from it, was it real. Nor does the other side's
    SYN while the flow opens: both may open one connection (RFC 9293 §3.5), as hosts behind NATs do.
    A SYN captured behind its own data ends nothing when it is answered, but when its first byte
    comes again: else what was sent before a SYN, and read by nobody, would hide what comes after.
    """
    first = (packet.seq + 1) & 0xFFFFFFFF
    if packet.flags & (SYN | ACK | RST) == SYN:
        if flow.initial[side] == first:
            return Opened.NOT
        if flow.closed or (flow.opening and flow.tcp_flags[side]):
            return Opened.BY_SYN
        if _is_late(flow, side, first, settings, time):
            flow.begun = flow.begun or side == 0
            if not flow.payload[side]:
                return Opened.NOT
        flow.pending = side, first
        return Opened.NOT
    if flow.pending is None:
        return Opened.NOT
    opener, first = flow.pending
    if packet.flags & (SYN | ACK) == SYN | ACK:
        if _crossing(flow, packet, side):
            flow.pending = None
            return Opened.NOT
        if side == opener or packet.ack != first or _is_late(flow, opener, first, settings, time):
            return Opened.NOT
        return Opened.BY_SYN
    goes_on = side == opener and packet.seq == first and first != flow.next[side]
    if goes_on and not packet.length and _is_late(flow, side, first, settings, time):
        return Opened.NOT
    return Opened.BY_DATA if goes_on else Opened.NOT


def _is_late(flow: Flow, side: int, first: int, settings: FlowSettings, time: int) -> bool:
    """Say whether a SYN with *first* behind it is this flow's own, captured behind its data: they
    came a moment ago, and what came of its side begins there.
    """
    if not settings.answers_wait or time - flow.first_time > settings.late_ms * MILLISECOND:
        return False
    if flow.initial[side] >= 0 or flow.next[side] < 0:
        return False
    return 0 <= ahead(flow.next[side], first) <= flow.payload[side] + flow.holes[side]


def _crossing(flow: Flow, packet: Packet, side: int) -> bool:
    """Say whether *packet*, a SYN-ACK, shows that both SYNs open one connection.

    It repeats its sender's SYN and acknowledges the other's. A forged SYN has another number.
    """
    first = (packet.seq + 1) & 0xFFFFFFFF
    if flow.pending == (side, first):
        return packet.ack == flow.initial[1 - side]
    return flow.pending == (1 - side, packet.ack) and first == flow.initial[side]


def begin(flow: Flow, packet: Packet, high: int, opened: Opened) -> None:
    """Decide who is the client of a new flow: who sent the SYN, or else the first packet."""
    syn = packet.protocol == TCP and bool(packet.flags & SYN)
    answer = syn and bool(packet.flags & ACK)
    flow.client = 1 - high if answer else high
    flow.begun = packet.protocol != TCP or syn or opened is Opened.BY_DATA
    if opened is Opened.BY_DATA:
        flow.initial[0] = flow.next[0] = packet.seq


def control(flow: Flow, packet: Packet, side: int, count: Callable[[str], None]) -> int:
    """Follow flags and window; return the sequence number of the segment's first byte."""
    flags, seq, other = packet.flags, packet.seq, 1 - side
    flow.tcp_flags[side] |= flags
    if flags & SYN:
        seq = (seq + 1) & 0xFFFFFFFF
        _synchronise(flow, packet, side, seq)
    elif flags & ACK and flow.next[other] < 0 and flow.initial[side] >= 0:
        # The other side's SYN-ACK was not captured, but what acknowledges it is.
        flow.initial[other] = flow.next[other] = packet.ack
    if flags & RST:
        if flow.next[side] >= 0 and abs(ahead(seq, flow.next[side])) >= RESET_WINDOW:
            count("tcp resets out of window")
        else:
            flow.reset = True
    if flags & FIN:
        flow.finished[side] = True
    if not packet.window and not flags & (SYN | RST):
        flow.zero_windows += 1
    return seq


def _synchronise(flow: Flow, packet: Packet, side: int, first: int) -> None:
    """A SYN tells where its side begins; a SYN-ACK tells it of both."""
    if flow.stream is not None or flow.pending == (side, first):
        return
    other = 1 - side
    if not flow.payload[side]:
        flow.initial[side] = flow.next[side] = first
    if packet.flags & ACK and not flow.payload[other]:
        flow.initial[other] = flow.next[other] = packet.ack


def track(flow: Flow, side: int, seq: int, length: int, count: Callable[[str], None]) -> Track:
    """Follow the sequence numbers of a segment that holds *length* > 0 bytes."""
    after = (seq + length) & 0xFFFFFFFF
    if flow.next[side] < 0:
        flow.next[side] = after
        return Track.FRESH
    distance = ahead(seq, flow.next[side])
    if abs(distance) >= WINDOW:
        flow.strays[side] += 1
        if flow.strays[side] < STRAYS:
            return Track.STALE
        count("tcp sequence restarts")
        flow.strays[side], flow.next[side] = 0, after
        return Track.RESTARTED
    flow.strays[side] = 0
    if distance >= 0:
        if distance:
            flow.holes[side] += distance
            flow.hole_end[side] = seq
        flow.next[side] = after
        return Track.FRESH
    filled = _fills(flow, side, distance, distance + length)
    if distance + length > 0:
        flow.retransmissions += 1
        flow.next[side] = after
        return Track.FRESH
    if length == 1 and distance == -1:
        return Track.STALE  # a keep-alive
    if filled:
        flow.out_of_order += 1
        return Track.FRESH
    flow.retransmissions += 1
    return Track.STALE


def _fills(flow: Flow, side: int, begin: int, end: int) -> bool:
    """Say whether bytes from *begin* to *end*, counted from the furthest one, may lie in a hole.

    All that is remembered of holes is their size and where the last one ends.
    """
    hole_end = ahead(flow.hole_end[side], flow.next[side])
    if not flow.holes[side] or begin >= hole_end or hole_end > 0:  # ahead: it is 2 GiB ago
        return False
    flow.holes[side] -= min(flow.holes[side], min(end, hole_end) - begin)
    if end >= hole_end:
        flow.hole_end[side] = (flow.next[side] + begin) & 0xFFFFFFFF
    return True
