"""What a TCP segment does to its flow; `tcp_py` says the same in plain Python, and why.

Every flow is followed like this, wanted or not. No bytes are kept here: that is `stream`'s part.
Inline, because every packet goes through here.
"""

from libc.stdint cimport int64_t, uint32_t

from backchannel.flows.slots cimport closed, opening
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
    STREAMING,
    TCP,
    bump,
    counts_t,
    flow_t,
    packet_t,
)
from backchannel.wire cimport ahead

cdef enum:
    FIN = 1
    SYN = 2
    RST = 4
    ACK = 16
    WINDOW = 1 << 30        # no TCP window is larger (RFC 7323 §2.3)
    RESET_WINDOW = 1 << 20
    STRAYS = 4

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


cdef inline void know_initial(flow_t* flow, int side, uint32_t seq) noexcept nogil:
    flow.initial[side] = flow.next[side] = seq
    flow.bits |= (INITIAL_0 | KNOWN_0) << side


cdef inline void synchronise(flow_t* flow, const packet_t* packet, int side, uint32_t first) noexcept nogil:
    """A SYN tells where its side begins; a SYN-ACK tells it of both."""
    cdef int other = 1 - side
    if flow.bits & STREAMING:
        return
    if flow.bits & PENDING and flow.pending == first:
        if side == ((flow.bits & PENDING_SERVER) != 0):
            return
    if not flow.payload[side]:
        know_initial(flow, side, first)
    if packet.flags & ACK and not flow.payload[other]:
        know_initial(flow, other, packet.ack)


cdef inline int reopens(flow_t* flow, const packet_t* packet, int side) noexcept nogil:
    """Whether *packet* belongs to a new connection between the same ends."""
    cdef uint32_t first = packet.seq + 1
    cdef int opener
    if packet.flags & (SYN | ACK | RST) == SYN:
        if flow.bits & (INITIAL_0 << side) and flow.initial[side] == first:
            return NOT_OPENED
        if closed(flow) or opening(flow):
            return BY_SYN
        flow.bits = (flow.bits & ~PENDING_SERVER) | PENDING | (PENDING_SERVER if side else 0)
        flow.pending = first
        return NOT_OPENED
    if not flow.bits & PENDING:
        return NOT_OPENED
    opener = (flow.bits & PENDING_SERVER) != 0
    if packet.flags & (SYN | ACK) == SYN | ACK:
        return BY_SYN if side != opener and packet.ack == flow.pending else NOT_OPENED
    if side != opener or packet.seq != flow.pending:
        return NOT_OPENED
    if flow.bits & (KNOWN_0 << side) and flow.next[side] == flow.pending:
        return NOT_OPENED
    return BY_DATA


cdef inline void begin(flow_t* flow, const packet_t* packet, int opened) noexcept nogil:
    """Decide who is the client of a new flow."""
    cdef bint syn = packet.protocol == TCP and packet.flags & SYN != 0
    cdef bint answer = syn and packet.flags & ACK != 0
    if packet.from_high != answer:
        flow.bits |= CLIENT_HIGH
    if packet.protocol != TCP or syn or opened == BY_DATA:
        flow.bits |= BEGUN
    if opened == BY_DATA:
        know_initial(flow, 0, packet.seq)


cdef inline uint32_t control(
    flow_t* flow, const packet_t* packet, int side, counts_t* counts
) noexcept nogil:
    """Follow flags and window; return the sequence number of the segment's first byte."""
    cdef uint32_t flags = packet.flags, seq = packet.seq
    cdef int other = 1 - side
    flow.flags[side] |= flags
    if flags & SYN:
        seq += 1
        synchronise(flow, packet, side, seq)
    elif flags & ACK and not flow.bits & (KNOWN_0 << other) and flow.bits & (INITIAL_0 << side):
        # The other side's SYN-ACK was not captured, but what acknowledges it is.
        know_initial(flow, other, packet.ack)
    if flags & RST:
        if flow.bits & (KNOWN_0 << side) and not near(ahead(seq, flow.next[side]), RESET_WINDOW):
            bump(counts, RESETS_IGNORED)
        else:
            flow.bits |= RESET
    if flags & FIN:
        flow.bits |= FINISHED_0 << side
    if not packet.window and not flags & (SYN | RST):
        flow.zero_windows += 1
    return seq


cdef inline int track(
    flow_t* flow, int side, uint32_t seq, uint32_t length, counts_t* counts
) noexcept nogil:
    """Follow the sequence numbers of a segment that holds *length* > 0 bytes."""
    cdef uint32_t after = seq + length
    cdef int64_t distance
    if not flow.bits & (KNOWN_0 << side):
        flow.bits |= KNOWN_0 << side
        flow.next[side] = after
        return FRESH
    distance = ahead(seq, flow.next[side])
    if not near(distance, WINDOW):
        flow.strays[side] += 1
        if flow.strays[side] < STRAYS:
            return STALE
        bump(counts, RESTARTS)
        flow.strays[side] = 0
        flow.next[side] = after
        return RESTARTED
    flow.strays[side] = 0
    if distance >= 0:
        flow.holes[side] += distance
        flow.next[side] = after
        return FRESH
    if distance + length > 0:
        flow.retransmissions += 1
        flow.next[side] = after
        return FRESH
    if length == 1 and distance == -1:
        return STALE
    if flow.holes[side]:
        flow.out_of_order += 1
        flow.holes[side] -= min(flow.holes[side], <uint32_t>length)
        return FRESH
    flow.retransmissions += 1
    return STALE
