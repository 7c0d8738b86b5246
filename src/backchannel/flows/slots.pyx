# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The flow table: slots for flows, and a keyed index to find them.

The index holds a hash and a slot in each 64-bit entry: linear probing, at most half full, and no
tombstones (what follows a removed entry moves up). A flow is three cache lines. Memory is reserved
for all flows at once and taken only where it is touched. Slot numbers, and with them everything a
user can see, depend on the packets only; the key of the hash changes nothing but collisions.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from backchannel.flows.state cimport (
    DROPPED,
    FINISHED_0,
    FINISHED_1,
    LEAVING,
    RESET,
    TCP,
    UDP,
    USED,
    WANTED,
    WIDE,
)
from backchannel.wire cimport prefetch, reserve, unreserve

cdef enum:
    CHOICE = 16             # flows among which the one to be evicted is chosen
    SPARE = 64              # slots for flows that ended and can still be asked for
    SYN = 2


cdef class Slots:
    """All flows."""

    def __dealloc__(self):
        unreserve(self.flows, self.room * sizeof(flow_t))
        unreserve(self.ends, self.room * sizeof(ends_t))
        unreserve(self.vacant_ends, self.room * sizeof(uint32_t))
        unreserve(self.vacant, self.room * sizeof(uint32_t))
        unreserve(self.index, (self.mask + 1) * sizeof(uint64_t))

    cdef int prepare(self, const bounds_t* bounds) except -1:
        """Reserve memory for as many flows as *bounds*, which must outlive this object, allows."""
        self.bounds = bounds
        self.room, self.mask = <uint32_t>bounds.max_flows + SPARE, 1
        while self.mask < 2 * bounds.max_flows:
            self.mask *= 2
        self.flows = <flow_t*>reserve(self.room * sizeof(flow_t))
        self.ends = <ends_t*>reserve(self.room * sizeof(ends_t))
        self.vacant_ends = <uint32_t*>reserve(self.room * sizeof(uint32_t))
        self.vacant = <uint32_t*>reserve(self.room * sizeof(uint32_t))
        self.index = <uint64_t*>reserve(self.mask * sizeof(uint64_t))
        self.mask -= 1
        if not (self.flows and self.ends and self.vacant_ends and self.vacant and self.index):
            raise MemoryError
        return 0

    cdef void guess(self, packet_t* packet) noexcept nogil:
        """Note where the packet's flow probably is, and have it brought into the cache."""
        cdef uint32_t hash = <uint32_t>packet.hash
        cdef uint64_t at = hash & self.mask, entry
        packet.candidate = 0
        while True:
            entry = self.index[at]
            if not entry:
                return
            if <uint32_t>(entry >> 32) == hash:
                packet.candidate = <uint32_t>entry
                prefetch(&self.flows[packet.candidate - 1])
                prefetch(&self.flows[packet.candidate - 1].packets)
                return
            at = (at + 1) & self.mask

    cdef uint32_t find(self, const packet_t* packet) noexcept nogil:
        """Return the slot of the packet's flow, or NOWHERE."""
        cdef uint32_t hash = <uint32_t>packet.hash
        cdef uint64_t at = hash & self.mask, entry
        if packet.candidate and self.holds(packet.candidate - 1, packet):
            return packet.candidate - 1
        while True:
            entry = self.index[at]
            if not entry:
                return NOWHERE
            if <uint32_t>(entry >> 32) == hash and self.holds(<uint32_t>entry - 1, packet):
                return <uint32_t>entry - 1
            at = (at + 1) & self.mask

    cdef bint holds(self, uint32_t slot, const packet_t* packet) noexcept nogil:
        """Whether the flow in a slot is the packet's."""
        cdef const flow_t* flow = &self.flows[slot]
        cdef const uint8_t* low = packet.target if packet.from_high else packet.source
        cdef const uint8_t* high = packet.source if packet.from_high else packet.target
        cdef const ends_t* ends
        if flow.low != packet.low or flow.high != packet.high:
            return False
        if flow.bits & (USED | LEAVING) != USED:
            return False
        if not packet.wide:
            return True
        ends = &self.ends[flow.ends]
        return not memcmp(ends.low, low, 16) and not memcmp(ends.high, high, 16)

    cdef uint32_t add(self, const packet_t* packet) noexcept nogil:
        """Return a new slot for the packet's flow, which must not be there yet."""
        cdef uint32_t slot
        cdef uint64_t at = <uint32_t>packet.hash & self.mask
        cdef flow_t* flow
        if self.vacancies:
            self.vacancies -= 1
            slot = self.vacant[self.vacancies]
        else:
            slot = self.used
            self.used += 1
        flow = &self.flows[slot]
        memset(flow, 0, sizeof(flow_t))
        flow.low, flow.high, flow.hash = packet.low, packet.high, <uint32_t>packet.hash
        flow.bits = USED
        if packet.wide:
            self.keep_ends(flow, packet)
        while self.index[at]:
            at = (at + 1) & self.mask
        self.index[at] = <uint64_t>flow.hash << 32 | (slot + 1)
        self.count += 1
        return slot

    cdef void keep_ends(self, flow_t* flow, const packet_t* packet) noexcept nogil:
        """Keep addresses that do not fit into the key."""
        cdef ends_t* ends
        if self.ends_vacancies:
            self.ends_vacancies -= 1
            flow.ends = self.vacant_ends[self.ends_vacancies]
        else:
            flow.ends = self.ends_used
            self.ends_used += 1
        flow.bits |= WIDE
        ends = &self.ends[flow.ends]
        memcpy(ends.low, packet.target if packet.from_high else packet.source, 16)
        memcpy(ends.high, packet.source if packet.from_high else packet.target, 16)

    cdef void unlink(self, uint32_t slot) noexcept nogil:
        """Take a flow out of the index; the slot keeps what it holds."""
        cdef uint64_t hole = self.flows[slot].hash & self.mask, at, entry
        while <uint32_t>self.index[hole] != slot + 1:
            hole = (hole + 1) & self.mask
        at = hole
        while True:
            at = (at + 1) & self.mask
            entry = self.index[at]
            if not entry:
                break
            if ((at - ((entry >> 32) & self.mask)) & self.mask) >= ((at - hole) & self.mask):
                self.index[hole] = entry
                hole = at
        self.index[hole] = 0
        self.count -= 1

    cdef void vacate(self, uint32_t slot) noexcept nogil:
        """Let a slot be used again."""
        if self.flows[slot].bits & WIDE:
            self.vacant_ends[self.ends_vacancies] = self.flows[slot].ends
            self.ends_vacancies += 1
        self.flows[slot].bits = 0
        self.vacant[self.vacancies] = slot
        self.vacancies += 1

    cdef bint idle(self, const flow_t* flow, int64_t now) noexcept nogil:
        """Whether nothing came for a flow for so long that it is over."""
        cdef int64_t limit
        cdef int wanted, kind
        if now - flow.last_time <= self.bounds.least_idle:
            return False
        wanted = flow.bits & (WANTED | DROPPED) == WANTED
        kind = <uint8_t>flow.high
        if kind == TCP and closed(flow):
            limit = self.bounds.closed_idle
        elif kind == TCP and opening(flow):
            limit = self.bounds.opening_idle
        else:
            limit = self.bounds.idle[wanted][0 if kind == TCP else 1 if kind == UDP else 2]
        return now - flow.last_time > limit

    cdef uint32_t turn(self) noexcept nogil:
        """Move the expiry hand on; return the slot of a flow under it, or NOWHERE."""
        cdef uint32_t slot
        if self.hand >= self.used:
            self.hand = 0
        slot = self.hand
        self.hand += 1
        return slot if self.flows[slot].bits & (USED | LEAVING) == USED else <uint32_t>NOWHERE

    cdef uint32_t victim(self) noexcept nogil:
        """Return the longest idle of the next flows, of the least interesting kind among them."""
        cdef uint32_t best = NOWHERE, slot, step = 0
        cdef int kind, best_kind = 0
        cdef const flow_t* flow
        while step < CHOICE or best == NOWHERE:
            step += 1
            slot = self.turn()
            if slot == NOWHERE:
                continue
            flow = &self.flows[slot]
            if flow.bits & (WANTED | DROPPED) == WANTED:
                kind = 2
            else:
                kind = not (<uint8_t>flow.high == TCP and (closed(flow) or opening(flow)))
            if best == NOWHERE or kind < best_kind or (
                kind == best_kind and flow.last_time < self.flows[best].last_time
            ):
                best, best_kind = slot, kind
        return best


cdef bint closed(const flow_t* flow) noexcept nogil:
    """Whether both sides are through with it."""
    return flow.bits & RESET or flow.bits & (FINISHED_0 | FINISHED_1) == FINISHED_0 | FINISHED_1


cdef bint opening(const flow_t* flow) noexcept nogil:
    """Whether only one side has spoken, and only its SYN."""
    return (
        not (flow.flags[0] and flow.flags[1])
        and (flow.flags[0] | flow.flags[1]) & SYN
        and not flow.payload[0]
        and not flow.payload[1]
    )
