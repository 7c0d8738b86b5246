# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The flow table: slots for flows, and a keyed index to find them.

The index holds a hash and a slot in each 64-bit entry: linear probing, at most half full, and no
tombstones (what follows a removed entry moves up). It doubles when it must: a small one stays in the
cache. A flow is three cache lines. Their memory is reserved at once and taken only where touched. Slot numbers, and with them everything a
user can see, depend on the packets only; the key of the hash changes nothing but collisions.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from backchannel.flows.state cimport DROPPED, LEAVING, TCP, USED, WANTED, WIDE
from backchannel.wire cimport prefetch, reserve, unreserve

cdef enum:
    SMALLEST = 16384        # entries of the index at first, a power of two
    CHOICE = 16             # flows among which the one to be evicted is chosen
    SPARE = 64              # slots for flows that ended and can still be asked for


cdef inline void fetch(const flow_t* flow) noexcept nogil:
    """Have a slot brought into the cache, where the next flow will be."""
    prefetch(flow)
    prefetch(&flow.packets)
    prefetch(&flow.first_time)


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
        self.room, self.mask = <uint32_t>bounds.max_flows + SPARE, SMALLEST - 1
        self.flows = <flow_t*>reserve(self.room * sizeof(flow_t))
        self.ends = <ends_t*>reserve(self.room * sizeof(ends_t))
        self.vacant_ends = <uint32_t*>reserve(self.room * sizeof(uint32_t))
        self.vacant = <uint32_t*>reserve(self.room * sizeof(uint32_t))
        self.index = <uint64_t*>reserve(SMALLEST * sizeof(uint64_t))
        if not (self.flows and self.ends and self.vacant_ends and self.vacant and self.index):
            raise MemoryError
        return 0

    cdef uint32_t add(self, const packet_t* packet) noexcept nogil:
        """Return a new slot for the packet's flow, which must not be there yet.

        NOWHERE: memory is out.
        """
        cdef uint32_t slot
        cdef flow_t* flow
        if 2 * (self.count + 1) > self.mask and not self.grow():
            return NOWHERE
        if self.vacancies:
            self.vacancies -= 1
            slot = self.vacant[self.vacancies]
            if self.vacancies:
                fetch(&self.flows[self.vacant[self.vacancies - 1]])
        else:
            slot = self.used
            self.used += 1
        flow = &self.flows[slot]
        memset(flow, 0, sizeof(flow_t))
        flow.low, flow.high, flow.hash = packet.low, packet.high, <uint32_t>packet.hash
        flow.bits = USED
        if packet.wide:
            self.keep_ends(flow, packet)
        self.enter(<uint64_t>flow.hash << 32 | (slot + 1))
        self.count += 1
        return slot

    cdef inline void enter(self, uint64_t entry) noexcept nogil:
        """Put an entry into the index."""
        cdef uint64_t at = (entry >> 32) & self.mask
        while self.index[at]:
            at = (at + 1) & self.mask
        self.index[at] = entry

    cdef bint grow(self) noexcept nogil:
        """Double the index. False: memory is out."""
        cdef uint64_t* old = self.index
        cdef uint64_t size = self.mask + 1, at
        cdef uint64_t* grown = <uint64_t*>reserve(2 * size * sizeof(uint64_t))
        if grown == NULL:
            return False
        self.index, self.mask = grown, 2 * size - 1
        for at in range(size):
            if old[at]:
                self.enter(old[at])
        unreserve(old, size * sizeof(uint64_t))
        return True

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

    cdef uint32_t victim(self) noexcept nogil:
        """Return the longest idle of the next flows, of the least interesting kind among them."""
        cdef uint32_t best = NOWHERE, slot, step = 0
        cdef int kind, best_kind = 0
        cdef const flow_t* flow
        while step < CHOICE or best == NOWHERE:
            step += 1
            slot = turn(self)
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
