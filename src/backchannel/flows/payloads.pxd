"""Payloads on their way from a packet to a delivery."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from backchannel.flows.match cimport Matcher
from backchannel.flows.slots cimport Slots
from backchannel.flows.state cimport (
    DROPPED,
    INITIAL_0,
    KNOWN_0,
    OPENED_0,
    QUIET_0,
    RESET,
    STREAMING,
    WANTED,
    bounds_t,
    counts_t,
    extra_t,
    flow_t,
    half_t,
    out_t,
    packet_t,
)
from backchannel.flows.stream cimport Streams
from backchannel.flows.tcp cimport ACK, FIN, STALE, control, track

@cython.final
cdef class Payloads:
    cdef const bounds_t* bounds
    cdef counts_t* counts
    cdef out_t* out
    cdef Matcher matcher
    cdef uint8_t* cut       # scratch: a datagram as large as it was sent, with zeros at the end
    cdef Streams streams
    cdef Slots slots

    cdef int prepare(
        self, const bounds_t* bounds, counts_t* counts, out_t* out, Slots slots
    ) except -1
    cdef void datagram(
        self, uint32_t slot, flow_t* flow, int side, const packet_t* packet
    ) noexcept nogil
    cdef extra_t* want(self, uint32_t slot) noexcept nogil
    cdef void stop(self, uint32_t slot) noexcept nogil
    cdef void forget(self, uint32_t slot) noexcept nogil
    cdef void test(
        self, uint32_t slot, int side, const packet_t* packet, bint opening
    ) noexcept nogil
    cdef void acknowledge(
        self, uint32_t slot, flow_t* flow, int side, uint32_t ack, bint speaks
    ) noexcept nogil
    cdef bint is_early(
        self, uint32_t slot, flow_t* flow, int side, const packet_t* packet
    ) noexcept nogil
    cdef void payload(
        self,
        uint32_t slot,
        flow_t* flow,
        int side,
        uint32_t seq,
        int tracked,
        const packet_t* packet,
    ) noexcept nogil
    cdef void give_up_answer(self, uint32_t slot, flow_t* flow, int side) noexcept nogil
    cdef bint open(
        self, uint32_t slot, flow_t* flow, int side, uint32_t seq, const packet_t* packet
    ) noexcept nogil
    cdef uint64_t look_again(
        self, half_t* half, int number, bint answered, uint64_t* maybe
    ) noexcept nogil
    cdef void give_up(self, uint32_t slot) noexcept nogil
    cdef void settle(self, uint32_t slot, int side) noexcept nogil
    cdef extra_t* stream(self, uint32_t slot) noexcept nogil
    cdef extra_t* deliver(self, uint32_t slot, int side, uint32_t seq) noexcept nogil


# -- inline, because nearly every packet goes through here -----------------------------------------

cdef inline bint settled(Payloads self, flow_t* flow, int side) noexcept nogil:
    """Whether nobody looks at what *side* sends: it is dropped, or fitted no magic."""
    if flow.bits & (QUIET_0 << side):
        return True
    if flow.bits & (WANTED | DROPPED | STREAMING):
        return flow.bits & DROPPED
    if flow.bits & ((OPENED_0 | INITIAL_0) << side) == <uint32_t>INITIAL_0 << side:
        return False  # its first bytes are still to come
    if flow.tested[side] < self.bounds.payloads:
        return False
    flow.bits |= QUIET_0 << side
    return True


cdef inline void segment(
    Payloads self, uint32_t slot, flow_t* flow, int side, const packet_t* packet
) noexcept nogil:
    """A TCP packet. What it acknowledges comes before what it holds."""
    cdef uint32_t seq = control(self.slots, slot, packet, side, self.counts)
    cdef int tracked
    if packet.flags & ACK and flow.bits & STREAMING and (
        flow.bits & WANTED
        or flow.bits & ((OPENED_0 | INITIAL_0) << (1 - side)) == <uint32_t>INITIAL_0 << (1 - side)
    ):
        self.acknowledge(slot, flow, 1 - side, packet.ack, packet.length != 0)
    if packet.length:
        tracked = track(self.slots, slot, side, seq, packet.length, self.counts)
        if tracked != STALE:
            flow.bits &= ~RESET  # a connection that goes on was not reset
        if packet.captured and not settled(self, flow, side):
            self.payload(slot, flow, side, seq, tracked, packet)
    elif not flow.bits & (KNOWN_0 << side):
        flow.bits |= KNOWN_0 << side
        flow.next[side] = seq
    if flow.bits & STREAMING and packet.flags & FIN:
        self.streams.fin(self.slots.rest[slot].extra, side, seq + packet.length)
