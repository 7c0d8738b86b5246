"""What a TCP segment does to its flow; `tcp_py` says the same in plain Python, and why.

Every flow is followed like this, wanted or not. No bytes are kept here: that is `stream`'s part.
Inline, because every packet goes through here.
"""

from libc.stdint cimport int64_t, uint32_t

from backchannel.flows.slots cimport Slots, closed, holes_of, opening, payload_of, rare_of
from backchannel.flows.state cimport (
    BEGUN,
    CLIENT_HIGH,
    FINISHED_0,
    INITIAL_0,
    KNOWN_0,
    PENDING,
    PENDING_SERVER,
    RESET,
    RESETS_IGNORED,
    RESTARTS,
    ANY_STRAYS,
    STRAYS_0,
    STRAY_0,
    STREAMING,
    TCP,
    bounds_t,
    bump,
    counts_t,
    flow_t,
    packet_t,
    rare_t,
    rest_t,
)
from backchannel.wire cimport ahead

cdef enum:
    FIN = 1
    SYN = 2
    RST = 4
    ACK = 16
    WINDOW = 1 << 30        # no TCP window is larger (RFC 7323 §2.3)
    RESET_WINDOW = 1 << 20

cdef enum:
    NOT_OPENED
    BY_SYN                  # the packet at hand opens a new connection, or answers its SYN
    BY_DATA                 # the packet at hand is its first data

cdef enum:
    STALE                   # nothing new in the segment
    FRESH
    RESTARTED               # fresh bytes, somewhere else entirely


cdef inline bint near(int64_t distance, int64_t window) noexcept nogil:
    return -window < distance < window


cdef inline void know_initial(Slots slots, uint32_t slot, int side, uint32_t seq) noexcept nogil:
    cdef flow_t* flow = &slots.flows[slot]
    slots.rest[slot].initial[side] = flow.next[side] = seq
    flow.bits |= (INITIAL_0 | KNOWN_0) << side


cdef inline void synchronise(
    Slots slots, uint32_t slot, const packet_t* packet, int side, uint32_t first
) noexcept nogil:
    """A SYN tells where its side begins; a SYN-ACK tells it of both."""
    cdef const flow_t* flow = &slots.flows[slot]
    cdef int other = 1 - side
    if flow.bits & STREAMING:
        return
    if flow.bits & PENDING and slots.rare(slot).pending == first:
        if side == ((flow.bits & PENDING_SERVER) != 0):
            return
    if not flow.payload[side]:
        know_initial(slots, slot, side, first)
    if packet.flags & ACK and not flow.payload[other]:
        know_initial(slots, slot, other, packet.ack)


cdef inline bint holds(Slots slots, uint32_t slot, int side, uint32_t first) noexcept nogil:
    """Whether *side* is known to begin with *first*."""
    return (
        slots.flows[slot].bits & (INITIAL_0 << side) != 0
        and slots.rest[slot].initial[side] == first
    )


cdef inline bint is_late(
    const bounds_t* bounds, Slots slots, uint32_t slot, int side, uint32_t first, int64_t time
) noexcept nogil:
    """Whether a SYN with *first* behind it is this flow's own, captured behind its data."""
    cdef const flow_t* flow = &slots.flows[slot]
    cdef const rest_t* rest = &slots.rest[slot]
    cdef int64_t came
    if not bounds.answers_wait or time - rest.first_time > bounds.late:
        return False
    if flow.bits & (INITIAL_0 << side | KNOWN_0 << side) != <uint32_t>KNOWN_0 << side:
        return False
    came = payload_of(flow, rare_of(rest), side) + holes_of(rest, rare_of(rest), side)
    return 0 <= ahead(flow.next[side], first) <= came


cdef inline bint crossing(
    Slots slots, uint32_t slot, const packet_t* packet, int side, int opener, uint32_t pending
) noexcept nogil:
    """Whether *packet*, a SYN-ACK, shows that both SYNs open one connection."""
    cdef uint32_t first = packet.seq + 1
    cdef int other = 1 - side
    if side == opener:
        return first == pending and holds(slots, slot, other, packet.ack)
    return packet.ack == pending and holds(slots, slot, side, first)


cdef inline int reopens(
    const bounds_t* bounds, Slots slots, uint32_t slot, const packet_t* packet, int side
) noexcept nogil:
    """Whether *packet*, a SYN or what comes after another one, belongs to a new connection between
    the same ends.
    """
    cdef flow_t* flow = &slots.flows[slot]
    cdef rare_t* rare
    cdef uint32_t first = packet.seq + 1, pending
    cdef int opener
    cdef bint late
    if packet.flags & (SYN | ACK | RST) == SYN:
        if holds(slots, slot, side, first):
            return NOT_OPENED
        if closed(flow) or (opening(flow) and flow.flags[side]):
            return BY_SYN
        if is_late(bounds, slots, slot, side, first, packet.time):
            flow.bits |= 0 if side else BEGUN
            if not flow.payload[side]:
                return NOT_OPENED
        flow.bits = (flow.bits & ~PENDING_SERVER) | PENDING | (PENDING_SERVER if side else 0)
        rare = slots.rare(slot)
        rare.pending = first
        return NOT_OPENED
    if not flow.bits & PENDING:
        return NOT_OPENED
    pending = slots.rare(slot).pending
    opener = (flow.bits & PENDING_SERVER) != 0
    if packet.flags & (SYN | ACK) == SYN | ACK:
        if crossing(slots, slot, packet, side, opener, pending):
            flow.bits &= ~<uint32_t>PENDING
            return NOT_OPENED
        if side == opener or packet.ack != pending:
            return NOT_OPENED
        late = is_late(bounds, slots, slot, opener, pending, packet.time)
        return NOT_OPENED if late else BY_SYN
    if side != opener or packet.seq != pending:
        return NOT_OPENED
    if not packet.length and is_late(bounds, slots, slot, side, pending, packet.time):
        return NOT_OPENED
    if flow.bits & (KNOWN_0 << side) and flow.next[side] == pending:
        return NOT_OPENED
    return BY_DATA


cdef inline void begin(
    Slots slots, uint32_t slot, const packet_t* packet, int opened
) noexcept nogil:
    """Decide who is the client of a new flow."""
    cdef flow_t* flow = &slots.flows[slot]
    cdef bint syn = packet.protocol == TCP and packet.flags & SYN != 0
    cdef bint answer = syn and packet.flags & ACK != 0
    if packet.from_high != answer:
        flow.bits |= CLIENT_HIGH
    if packet.protocol != TCP or syn or opened == BY_DATA:
        flow.bits |= BEGUN
    if opened == BY_DATA:
        know_initial(slots, slot, 0, packet.seq)


cdef inline uint32_t control(
    Slots slots, uint32_t slot, const packet_t* packet, int side, counts_t* counts
) noexcept nogil:
    """Follow flags and window; return the sequence number of the segment's first byte."""
    cdef flow_t* flow = &slots.flows[slot]
    cdef rare_t* rare
    cdef uint32_t flags = packet.flags, seq = packet.seq
    cdef int other = 1 - side
    flow.flags[side] |= flags
    if flags & SYN:
        seq += 1
        synchronise(slots, slot, packet, side, seq)
    elif flags & ACK and not flow.bits & (KNOWN_0 << other) and flow.bits & (INITIAL_0 << side):
        # The other side's SYN-ACK was not captured, but what acknowledges it is.
        know_initial(slots, slot, other, packet.ack)
    if flags & RST:
        if flow.bits & (KNOWN_0 << side) and not near(ahead(seq, flow.next[side]), RESET_WINDOW):
            bump(counts, RESETS_IGNORED)
        else:
            flow.bits |= RESET
    if flags & FIN:
        flow.bits |= FINISHED_0 << side
    if not packet.window and not flags & (SYN | RST):
        rare = slots.rare(slot)
        rare.zero_windows += 1
    return seq


cdef inline int track(
    Slots slots, uint32_t slot, int side, uint32_t seq, uint32_t length, counts_t* counts
) noexcept nogil:
    """Follow the sequence numbers of a segment that holds *length* > 0 bytes."""
    cdef flow_t* flow = &slots.flows[slot]
    cdef uint32_t after = seq + length
    cdef int64_t distance
    if not flow.bits & (KNOWN_0 << side):
        flow.bits |= KNOWN_0 << side
        flow.next[side] = after
        return FRESH
    distance = ahead(seq, flow.next[side])
    if not near(distance, WINDOW):
        return stray(flow, side, after, counts)
    if flow.bits & ANY_STRAYS:
        flow.bits &= ~(<uint32_t>STRAYS_0 << 2 * side)
    if distance < 0:
        return again(slots, slot, side, distance, length)
    if distance:
        slots.add_hole(slot, side, distance)
        slots.rest[slot].hole_end[side] = seq
    flow.next[side] = after
    return FRESH


cdef inline bint fills(
    Slots slots, uint32_t slot, int side, int64_t begin, int64_t end
) noexcept nogil:
    """Whether bytes from *begin* to *end*, counted from the furthest byte seen, may lie in a hole.

    All that is remembered of holes is their size and where the last one ends.
    """
    cdef rest_t* rest = &slots.rest[slot]
    cdef uint32_t furthest = slots.flows[slot].next[side]
    cdef int64_t hole_end
    if not rest.holes[side]:
        return False
    hole_end = ahead(rest.hole_end[side], furthest)
    if begin >= hole_end or hole_end > 0:  # 2 GiB later it seems to be ahead
        return False
    slots.add_hole(slot, side, begin - min(end, hole_end))
    if end >= hole_end:
        rest.hole_end[side] = furthest + <uint32_t>begin
    return True


cdef inline int stray(flow_t* flow, int side, uint32_t after, counts_t* counts) noexcept nogil:
    """Count a segment out of window; when it is one of several in a row, its side is there."""
    cdef uint32_t count = (flow.bits & (<uint32_t>STRAYS_0 << 2 * side)) >> 2 * side
    flow.bits &= ~(<uint32_t>STRAYS_0 << 2 * side)
    if count != STRAYS_0:
        flow.bits |= (count + STRAY_0) << 2 * side
        return STALE
    bump(counts, RESTARTS)
    flow.next[side] = after
    return RESTARTED


cdef inline int again(
    Slots slots, uint32_t slot, int side, int64_t distance, uint32_t length
) noexcept nogil:
    """Follow a segment that begins before the furthest byte seen."""
    cdef flow_t* flow = &slots.flows[slot]
    cdef rare_t* rare
    cdef bint filled = fills(slots, slot, side, distance, distance + length)
    if distance + length > 0:
        rare = slots.rare(slot)
        rare.retransmissions += 1
        flow.next[side] += <uint32_t>(distance + length)
        return FRESH
    if length == 1 and distance == -1:
        return STALE  # a keep-alive
    rare = slots.rare(slot)
    if filled:
        rare.out_of_order += 1
        return FRESH
    rare.retransmissions += 1
    return STALE
