# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Payloads on their way from a packet to a delivery: compared with the magics, then put in order.

`payloads_py` says the same in plain Python, and why.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memcpy, memset

from backchannel.flows.slots cimport payload_of
from backchannel.flows.state cimport (
    DATA,
    DROPPED,
    INITIAL_0,
    KNOWN_0,
    NOT_KNOWN,
    OPENED_0,
    QUIET_0,
    QUIET_1,
    RELEASED,
    STREAMING,
    TCP,
    WANTED,
    put,
    rest_t,
    segment_t,
)
from backchannel.flows.stream cimport VAIN
from backchannel.wire cimport ahead
from backchannel.flows.tcp cimport RESTARTED, STALE, WINDOW


cdef enum:
    MOST_OCTETS = 1 << 16   # no datagram has so many
    LONGEST_V1 = 107


cdef class Payloads:
    """What is done with payloads. The flows themselves remember."""

    cdef int prepare(
        self, const bounds_t* bounds, counts_t* counts, out_t* out, Slots slots
    ) except -1:
        """Set what must outlive this object, and where the flows are."""
        self.bounds, self.counts, self.out, self.slots = bounds, counts, out, slots
        self.cut = <uint8_t*>calloc(1, MOST_OCTETS)
        if self.cut == NULL:
            raise MemoryError
        self.streams = Streams()
        self.streams.prepare(bounds, counts, out)
        return 0

    def __dealloc__(self):
        free(self.cut)

    cdef void datagram(
        self, uint32_t slot, flow_t* flow, int side, const packet_t* packet
    ) noexcept nogil:
        """A packet of anything but TCP that holds at least one byte, of a side not `settled`."""
        self.test(slot, side, packet, not flow.tested[side])
        if flow.bits & (WANTED | DROPPED) == WANTED:
            put(self.out, slot, side, DATA, packet.payload, packet.captured)

    cdef void acknowledge(
        self, uint32_t slot, flow_t* flow, int side, uint32_t ack, bint speaks
    ) noexcept nogil:
        """The bytes of *side*, wanted or its first ones, before *ack* reached the other side, which
        *speaks* or only says so.

        Only where bytes are kept. Else nothing waits, and what is captured a little late, behind
        its acknowledgement, is still the first.
        """
        cdef rest_t* rest = &self.slots.rest[slot]
        cdef half_t* half = &rest.extra.halves[side]
        cdef bint patient = not speaks or (self.bounds.answers_wait and half.vain < VAIN)
        if flow.bits & WANTED:
            self.streams.acknowledge(slot, rest.extra, side, ack, patient)
        elif half.first != NULL and ahead(ack, rest.initial[side]) > <int>self.streams.reach(half):
            if not patient or self.out.time - half.last.time > self.bounds.late:
                # Some of its first bytes were sent and never captured: nothing to wait for.
                self.settle(slot, side)

    cdef void payload(
        self,
        uint32_t slot,
        flow_t* flow,
        int side,
        uint32_t seq,
        int tracked,
        const packet_t* packet,
    ) noexcept nogil:
        """A TCP packet that holds at least one byte, of a side that is not `settled`."""
        cdef bint waiting = flow.bits & (STREAMING | WANTED) == STREAMING
        cdef extra_t* extra
        cdef packet_t bare
        cdef uint32_t size
        cdef half_t* half
        if (
            flow.bits & (INITIAL_0 << side)
            and seq == self.slots.rest[slot].initial[side]
            and not flow.payload[side]
        ):
            size = proxied(packet.payload, packet.captured)
            if size:  # the stream begins behind it
                seq += size
                self.slots.rest[slot].initial[side] = seq
                if flow.bits & STREAMING:
                    half = &self.slots.rest[slot].extra.halves[side]
                    if half.next != NOT_KNOWN:
                        half.next = seq
                bare = packet[0]
                bare.payload += size
                bare.captured -= size
                packet = &bare
                if not bare.captured:
                    return
        if waiting:  # what fills a hole in first bytes may look like a repetition
            waiting = self.slots.rest[slot].extra.halves[side].first != NULL
        if not flow.bits & WANTED and (tracked != STALE or waiting):
            if flow.bits & ((OPENED_0 | INITIAL_0) << side) == <uint32_t>INITIAL_0 << side:
                if self.open(slot, flow, side, seq, packet):
                    return
            else:
                self.test(slot, side, packet, False)
        if not flow.bits & WANTED:
            return
        extra = self.deliver(slot, side, seq)
        if extra == NULL:
            return
        if tracked == RESTARTED:
            self.streams.restart(slot, extra, side, seq)
        extra.conflicts += self.streams.segment(slot, extra, side, packet, seq)

    cdef bint is_early(
        self, uint32_t slot, flow_t* flow, int side, const packet_t* packet
    ) noexcept nogil:
        """Whether a packet of *side* answers bytes that did not come yet, and may still wait."""
        cdef int other = 1 - side, distance
        cdef const half_t* half
        if not self.bounds.answers_wait or not packet.flags & ACK:
            return False
        if flow.bits & ((OPENED_0 | INITIAL_0) << other) != <uint32_t>INITIAL_0 << other:
            return False
        distance = ahead(packet.ack, flow.next[other])
        if distance <= 0 or distance >= WINDOW:
            return False
        if flow.bits & STREAMING:
            half = &self.slots.rest[slot].extra.halves[side]
            if half.first != NULL:
                return self.out.time - half.first.time <= self.bounds.late
        return True

    cdef void give_up_answer(self, uint32_t slot, flow_t* flow, int side) noexcept nogil:
        """*side* speaks at last: what answered it long before is no answer to this."""
        cdef const rest_t* rest = &self.slots.rest[slot]
        cdef const segment_t* first
        if not flow.bits & STREAMING or flow.payload[side]:
            return
        first = rest.extra.halves[1 - side].first
        if first == NULL or not first.answers or ahead(first.ack, rest.initial[side]) <= 0:
            return
        if self.out.time - first.time > self.bounds.late:
            self.settle(slot, 1 - side)

    cdef bint open(
        self, uint32_t slot, flow_t* flow, int side, uint32_t seq, const packet_t* packet
    ) noexcept nogil:
        """Judge the first bytes of *side* as far as they came; True: the packet is dealt with."""
        cdef const rest_t* rest = &self.slots.rest[slot]
        self.give_up_answer(slot, flow, side)
        cdef bint waiting = flow.bits & STREAMING and rest.extra.halves[side].first != NULL
        cdef bint kept = False, follows = False, early
        cdef uint64_t hits = 0, maybe = <uint64_t>-1
        cdef uint32_t size
        cdef extra_t* extra
        cdef half_t* half
        if waiting and flow.payload[1 - side]:
            half = &rest.extra.halves[side]
            hits = self.look_again(half, packet.protocol, True, &maybe)
            if not hits and not maybe:  # what waited for more was answered instead
                self.settle(slot, side)
                self.test(slot, side, packet, False)
                return not flow.bits & WANTED
        if waiting:  # whether the packet is what comes next
            self.streams.prefix(&rest.extra.halves[side], &size)
            follows = size and seq == rest.initial[side] + size
        if seq != rest.initial[side] and not follows:
            self.test(slot, side, packet, False)
            if flow.bits & WANTED:
                flow.bits |= OPENED_0 << side
                return False
        elif not waiting:
            hits = self.matcher.match(
                packet.protocol, packet.payload, packet.captured, True, False, &maybe
            )
        early = self.is_early(slot, flow, side, packet)
        if waiting or ((maybe or early) and not hits):
            extra = self.stream(slot)
            if extra == NULL:
                return True
            half = &extra.halves[side]
            half.next = rest.initial[side]
            extra.conflicts += self.streams.segment(slot, extra, side, packet, seq)
            kept = not half.full
            if kept or half.first != NULL:
                hits = self.look_again(
                    half, packet.protocol, flow.payload[1 - side] != 0, &maybe
                )
            if not kept:  # no more can be: what may fit counts as a hit
                if not hits and maybe != <uint64_t>-1:
                    hits = maybe
                maybe = 0
            early = early and kept
        if (maybe or early) and follows and not hits:  # others wait; who else may want it?
            self.test(slot, side, packet, False)
        if hits or flow.bits & WANTED:
            flow.bits |= OPENED_0 << side
            extra = self.want(slot)
            if extra != NULL:
                extra.hits |= hits
            if kept:
                self.deliver(slot, side, seq)
            return kept
        if not maybe and not early:
            self.settle(slot, side)
            if follows:  # what nobody waits for with the bytes before may fit by itself
                self.test(slot, side, packet, False)
                return not flow.bits & WANTED
        return True

    cdef uint64_t look_again(
        self, half_t* half, int number, bint answered, uint64_t* maybe
    ) noexcept nogil:
        """Compare all that is kept of a side's first bytes with the magics."""
        cdef uint32_t size
        cdef const uint8_t* seen = self.streams.prefix(half, &size)
        cdef uint64_t hits = 0
        maybe[0] = <uint64_t>-1
        if size:
            hits = self.matcher.match(number, seen, size, True, answered, maybe)
        return hits

    cdef void settle(self, uint32_t slot, int side) noexcept nogil:
        """Nobody wants the first bytes of *side*."""
        cdef flow_t* flow = &self.slots.flows[slot]
        cdef extra_t* extra = self.slots.rest[slot].extra
        cdef bint told  # whether it holds what rows tell
        flow.bits |= OPENED_0 << side
        if flow.bits & STREAMING:
            self.streams.settle(&extra.halves[side])
            extra.halves[side].next = NOT_KNOWN
            if extra.halves[1 - side].first == NULL:
                self.stop(slot)
                told = flow.bits & (WANTED | RELEASED) or extra.conflicts or extra.rare != NULL
                if not told:
                    self.slots.forget(slot)

    cdef void give_up(self, uint32_t slot) noexcept nogil:
        """Nothing came for long: first bytes that wait for those before them, or for what they
        answer, do so no longer.
        """
        cdef const flow_t* flow = &self.slots.flows[slot]
        cdef const half_t* half
        cdef bint late
        cdef int side
        for side in range(2):
            if flow.bits & STREAMING:
                half = &self.slots.rest[slot].extra.halves[side]
                if half.first == NULL:
                    continue
                late = half.first.answers and ahead(half.first.ack, flow.next[1 - side]) > 0
                if late or half.first.seq != <uint32_t>half.next:
                    self.settle(slot, side)

    cdef void test(
        self, uint32_t slot, int side, const packet_t* packet, bint opening
    ) noexcept nogil:
        """Compare a payload with the magics, if it is one of the first."""
        cdef flow_t* flow = &self.slots.flows[slot]
        cdef uint64_t hits, maybe
        cdef extra_t* extra
        if flow.tested[side] >= self.bounds.payloads or flow.bits & DROPPED:
            return
        flow.tested[side] += 1
        hits = self.matcher.match(
            packet.protocol, packet.payload, packet.captured, opening, False, &maybe
        )
        if not hits and packet.captured < packet.length < MOST_OCTETS and packet.protocol != TCP:
            # its size tells, though not all is here
            memcpy(self.cut, packet.payload, packet.captured)
            hits = self.matcher.match(
                packet.protocol, self.cut, packet.length, opening, False, &maybe
            )
            memset(self.cut, 0, packet.captured)
        if hits:
            extra = self.want(slot)
            if extra != NULL:
                extra.hits |= hits

    cdef extra_t* want(self, uint32_t slot) noexcept nogil:
        """Deliver this flow from now on."""
        cdef flow_t* flow = &self.slots.flows[slot]
        cdef extra_t* extra = self.slots.extra(slot)
        cdef int side
        if not flow.bits & WANTED and extra != NULL:
            flow.bits = flow.bits & ~(QUIET_0 | QUIET_1) | WANTED
            for side in range(2):
                extra.missed[side] = payload_of(flow, extra.rare, side)
        return extra

    cdef extra_t* stream(self, uint32_t slot) noexcept nogil:
        """Return what holds the flow's streams; NULL when memory is out."""
        cdef flow_t* flow = &self.slots.flows[slot]
        if self.slots.halves(slot) == NULL:
            return NULL
        flow.bits |= STREAMING
        return self.slots.rest[slot].extra

    cdef extra_t* deliver(self, uint32_t slot, int side, uint32_t seq) noexcept nogil:
        """Return the flow's streams, delivering; *side* is about to send *seq*."""
        cdef extra_t* extra = self.stream(slot)
        cdef const flow_t* flow = &self.slots.flows[slot]
        cdef half_t* half
        cdef int at
        if extra == NULL or extra.deliver:
            return extra
        if flow.bits & (INITIAL_0 << side) and seq == self.slots.rest[slot].initial[side]:
            extra.missed[side] = 0
        for at in range(2):
            half = &extra.halves[at]
            if half.first != NULL:
                extra.missed[at] = 0
            elif not flow.payload[at]:
                half.next = NOT_KNOWN
                if flow.bits & (INITIAL_0 << at):
                    half.next = self.slots.rest[slot].initial[at]
            elif at == side:
                half.next = seq
            else:
                half.next = NOT_KNOWN
                if flow.bits & (KNOWN_0 << at):
                    half.next = flow.next[at]
        if extra.halves[side].next == NOT_KNOWN:
            extra.halves[side].next = seq
        self.streams.start(slot, extra)
        return extra

    cdef void stop(self, uint32_t slot) noexcept nogil:
        """Forget the flow's bytes, and that it had streams."""
        cdef flow_t* flow = &self.slots.flows[slot]
        if flow.bits & STREAMING:
            flow.bits &= ~STREAMING
            self.streams.release(self.slots.rest[slot].extra)

    cdef void forget(self, uint32_t slot) noexcept nogil:
        """Free all that only few flows have."""
        self.stop(slot)
        self.slots.forget(slot)


cdef uint32_t proxied(const uint8_t* data, uint32_t size) noexcept nogil:
    """Return the size of the header by which a load balancer says for whom it opened a connection
    (haproxy's PROXY protocol, both versions); 0 where *data* begins with none.
    """
    cdef const uint8_t* end
    cdef uint32_t whole
    if size < 12:
        return 0
    if memcmp(data, <const char*>b"\r\n\r\n\0\r\nQUIT\n", 12) == 0:
        if size < 16 or data[12] & 0xFE != 0x20:
            return 0
        whole = 16 + (<uint32_t>data[14] << 8 | data[15])
        return whole if whole <= size else 0
    if memcmp(data, <const char*>b"PROXY ", 6):
        return 0
    data += 6
    if memcmp(data, <const char*>b"TCP4 ", 5) and memcmp(data, <const char*>b"TCP6 ", 5):
        if memcmp(data, <const char*>b"UNKNO", 5):
            return 0
    data -= 6
    size = min(size, <uint32_t>LONGEST_V1)
    end = <const uint8_t*>memchr(data, 13, size - 1)
    while end != NULL:
        if end[1] == 10:
            return <uint32_t>(end - data) + 2
        end = <const uint8_t*>memchr(end + 1, 13, size - 1 - <uint32_t>(end + 1 - data))
    return 0
