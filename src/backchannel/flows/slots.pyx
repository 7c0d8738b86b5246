# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The flow table: slots for flows, and a keyed index to find them.

The index holds a hash and a slot in each 64-bit entry: linear probing, at most three quarters full,
and no tombstones (what follows a removed entry moves up). It doubles when it must: a small one stays
in the cache. What every packet touches of a flow is one cache line; the rest of it lies elsewhere, and
what few flows have is allocated when it is needed. Memory for all is reserved at once and taken only
where touched. Slot numbers, and with them everything a user can see, depend on the packets only; the
key of the hash changes nothing but collisions.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from backchannel.flows.state cimport (
    DROPPED,
    LEAVING,
    MAX_TOKENS,
    NOT_KNOWN,
    TCP,
    USED,
    WANTED,
    WIDE,
)
from backchannel.wire cimport prefetch, reserve, unreserve

cdef enum:
    SMALLEST = 16384        # entries of the index at first, a power of two
    CHOICE = 16             # flows among which the one to be evicted is chosen
    SPARE = 64              # slots for flows that ended and can still be asked for


cdef class Slots:
    """All flows."""

    def __dealloc__(self):
        unreserve(self.flows, self.room * sizeof(flow_t))
        unreserve(self.rest, self.room * sizeof(rest_t))
        unreserve(self.ends, self.room * sizeof(ends_t))
        unreserve(self.index, (self.mask + 1) * sizeof(uint64_t))

    cdef int prepare(self, const bounds_t* bounds, out_t* out) except -1:
        """Reserve memory for as many flows as *bounds* allows. *out* learns that memory is out. Both
        must outlive this object.
        """
        self.bounds, self.out = bounds, out
        self.room, self.mask = <uint32_t>bounds.max_flows + SPARE, SMALLEST - 1
        self.flows = <flow_t*>reserve(self.room * sizeof(flow_t))
        self.rest = <rest_t*>reserve(self.room * sizeof(rest_t))
        self.ends = <ends_t*>reserve(self.room * sizeof(ends_t))
        self.index = <uint64_t*>reserve(SMALLEST * sizeof(uint64_t))
        if not (self.flows and self.rest and self.ends and self.index):
            raise MemoryError
        return 0

    cdef uint32_t add(self, const packet_t* packet) noexcept nogil:
        """Return a new slot for the packet's flow, which must not be there yet.

        NOWHERE: memory is out.
        """
        cdef uint32_t slot = self.used
        cdef flow_t* flow
        if 4 * (self.count + 1) > 3 * self.mask and not self.grow():
            return NOWHERE
        if self.vacant:
            slot = self.vacant - 1
            self.vacant = <uint32_t>self.flows[slot].low
            if self.vacant:
                prefetch(&self.flows[self.vacant - 1])
                prefetch(&self.rest[self.vacant - 1])
        else:
            self.used += 1
        flow = &self.flows[slot]
        memset(flow, 0, sizeof(flow_t))
        memset(&self.rest[slot], 0, sizeof(rest_t))
        flow.low, flow.high = packet.low, packet.high
        flow.bits = USED
        if packet.wide:
            self.keep_ends(slot, packet)
        self.enter(<uint64_t><uint32_t>packet.hash << 32 | (slot + 1))
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

    cdef void keep_ends(self, uint32_t slot, const packet_t* packet) noexcept nogil:
        """Keep addresses that do not fit into the key."""
        cdef uint32_t at = self.ends_used
        cdef ends_t* ends
        if self.vacant_ends:
            at = self.vacant_ends - 1
            memcpy(&self.vacant_ends, self.ends[at].low, sizeof(uint32_t))
        else:
            self.ends_used += 1
        self.flows[slot].bits |= WIDE
        self.rest[slot].ends = at
        ends = &self.ends[at]
        memcpy(ends.low, packet.target if packet.from_high else packet.source, 16)
        memcpy(ends.high, packet.source if packet.from_high else packet.target, 16)

    cdef void unlink(self, uint32_t slot) noexcept nogil:
        """Take a flow out of the index; the slot keeps what it holds."""
        cdef uint64_t hole = hash_of(self, &self.flows[slot]) & self.mask, at, entry
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
        """Let a slot be used again, the last one first."""
        cdef flow_t* flow = &self.flows[slot]
        cdef uint32_t at
        if flow.bits & WIDE:
            at = self.rest[slot].ends
            memcpy(self.ends[at].low, &self.vacant_ends, sizeof(uint32_t))
            self.vacant_ends = at + 1
        flow.bits, flow.low = 0, self.vacant
        self.vacant = slot + 1

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

    # -- what few flows have -----------------------------------------------------------------------

    cdef void* made(self, size_t size) noexcept nogil:
        """Return zeroed memory; NULL when it is out, which ends the run."""
        cdef void* memory = calloc(1, size)
        if memory == NULL:
            self.out.failed = True
        return memory

    cdef extra_t* extra(self, uint32_t slot) noexcept nogil:
        """Return what only few flows have; NULL when memory is out."""
        cdef rest_t* rest = &self.rest[slot]
        if rest.extra == NULL:
            rest.extra = <extra_t*>self.made(sizeof(extra_t))
            self.extras += rest.extra != NULL
        return rest.extra

    cdef half_t* halves(self, uint32_t slot) noexcept nogil:
        """Return the streams of a flow; NULL when memory is out."""
        cdef extra_t* extra = self.extra(slot)
        cdef int side
        if extra == NULL:
            return NULL
        if extra.halves == NULL:
            extra.halves = <half_t*>self.made(2 * sizeof(half_t))
            if extra.halves == NULL:
                return NULL
            for side in range(2):
                extra.halves[side].next = NOT_KNOWN
                extra.halves[side].acked = extra.halves[side].fin = NOT_KNOWN
        return extra.halves

    cdef rare_t* rare(self, uint32_t slot) noexcept nogil:
        """Return what happens to few flows."""
        cdef extra_t* extra = self.extra(slot)
        if extra == NULL:
            return &self.lost
        if extra.rare == NULL:
            extra.rare = <rare_t*>self.made(sizeof(rare_t))
        return &self.lost if extra.rare == NULL else extra.rare

    cdef void forget(self, uint32_t slot) noexcept nogil:
        """Free what only few flows have; their streams hold nothing any more."""
        cdef rest_t* rest = &self.rest[slot]
        if rest.extra != NULL:
            free(rest.extra.tokens)
            free(rest.extra.rare)
            free(rest.extra.halves)
            free(rest.extra)
            rest.extra = NULL
            self.extras -= 1

    cdef void add_up(self, uint32_t slot, int side) noexcept nogil:
        """Take what a side has counted to where there is more room."""
        cdef flow_t* flow = &self.flows[slot]
        cdef rare_t* rare = self.rare(slot)
        rare.packets[side] += flow.packets[side]
        rare.bytes[side] += flow.bytes[side]
        flow.packets[side] = 0
        flow.bytes[side] = 0
        if flow.payload[side]:
            rare.payload[side] += flow.payload[side] - 1
            flow.payload[side] = 1

    cdef void add_hole(self, uint32_t slot, int side, int64_t size) noexcept nogil:
        """Note that *size* more bytes of a side were not seen, or that so many less were not."""
        cdef rest_t* rest = &self.rest[slot]
        cdef uint64_t holes = holes_of(rest, rare_of(rest), side)
        holes = holes + size if size > 0 or holes > <uint64_t>-size else 0
        rest.holes[side] = <uint32_t>min(holes, <uint64_t>MOST_HOLES)
        if holes >= <uint64_t>MOST_HOLES:
            self.rare(slot).holes[side] = holes - MOST_HOLES
