"""The flow table: slots for flows, and a keyed index to find them."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from backchannel.flows.state cimport (
    DROPPED,
    FINISHED_0,
    FINISHED_1,
    KEPT,
    LEAVING,
    RESET,
    TCP,
    UDP,
    USED,
    WANTED,
    bounds_t,
    flow_t,
    packet_t,
)
from backchannel.wire cimport prefetch

cdef struct ends_t:
    uint8_t low[16]
    uint8_t high[16]

cdef enum:
    NOWHERE = 0xFFFFFFFF
    AHEAD = 16              # flows between the expiry hand and what is fetched for it

@cython.final
cdef class Slots:
    cdef flow_t* flows
    cdef ends_t* ends           # addresses of IPv6 flows
    cdef uint64_t* index        # hash << 32 | slot + 1; 0: empty
    cdef uint32_t* vacant_ends
    cdef uint32_t ends_used
    cdef uint32_t ends_vacancies
    cdef uint32_t* vacant       # slots to be used again, last one first
    cdef uint64_t mask
    cdef uint32_t room
    cdef uint32_t used          # slots that were ever used
    cdef uint32_t vacancies
    cdef uint64_t count         # flows in the index
    cdef uint32_t hand
    cdef const bounds_t* bounds

    cdef int prepare(self, const bounds_t* bounds) except -1
    cdef uint32_t add(self, const packet_t* packet) noexcept nogil
    cdef void enter(self, uint64_t entry) noexcept nogil
    cdef bint grow(self) noexcept nogil
    cdef void keep_ends(self, flow_t* flow, const packet_t* packet) noexcept nogil
    cdef void unlink(self, uint32_t slot) noexcept nogil
    cdef void vacate(self, uint32_t slot) noexcept nogil
    cdef uint32_t victim(self) noexcept nogil


# -- inline, because every packet goes through here ------------------------------------------------

cdef inline void guess(Slots self, packet_t* packet) noexcept nogil:
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


cdef inline bint holds(Slots self, uint32_t slot, const packet_t* packet) noexcept nogil:
    """Whether the flow in a slot is the packet's."""
    cdef const flow_t* flow = &self.flows[slot]
    cdef const uint8_t* low
    cdef const uint8_t* high
    cdef const ends_t* ends
    if flow.low != packet.low or flow.high != packet.high:
        return False
    if flow.bits & (USED | LEAVING) != USED:
        return False
    if not packet.wide:
        return True
    low = packet.target if packet.from_high else packet.source
    high = packet.source if packet.from_high else packet.target
    ends = &self.ends[flow.ends]
    return not memcmp(ends.low, low, 16) and not memcmp(ends.high, high, 16)


cdef inline uint32_t find(Slots self, const packet_t* packet) noexcept nogil:
    """Return the slot of the packet's flow, or NOWHERE."""
    cdef uint32_t hash = <uint32_t>packet.hash
    cdef uint64_t at = hash & self.mask, entry
    if packet.candidate and holds(self, packet.candidate - 1, packet):
        return packet.candidate - 1
    while True:
        entry = self.index[at]
        if not entry:
            return NOWHERE
        if <uint32_t>(entry >> 32) == hash and holds(self, <uint32_t>entry - 1, packet):
            return <uint32_t>entry - 1
        at = (at + 1) & self.mask


cdef inline uint32_t turn(Slots self) noexcept nogil:
    """Move the expiry hand on; return the slot of a flow under it, or NOWHERE."""
    cdef uint32_t slot
    if self.hand >= self.used:
        self.hand = 0
    slot = self.hand
    self.hand += 1
    prefetch(&self.flows[slot + AHEAD])
    return slot if self.flows[slot].bits & (USED | LEAVING) == USED else <uint32_t>NOWHERE


cdef inline bint closed(const flow_t* flow) noexcept nogil:
    """Whether both sides are through with it."""
    return flow.bits & RESET or flow.bits & (FINISHED_0 | FINISHED_1) == FINISHED_0 | FINISHED_1


cdef inline bint opening(const flow_t* flow) noexcept nogil:
    """Whether only one side has spoken, and only its SYN."""
    return (
        not (flow.flags[0] and flow.flags[1])
        and (flow.flags[0] | flow.flags[1]) & 2  # SYN
        and not flow.payload[0]
        and not flow.payload[1]
    )


cdef inline bint idle(const bounds_t* bounds, const flow_t* flow, int64_t now) noexcept nogil:
    """Whether nothing came for a flow for so long that it is over."""
    cdef int64_t limit
    cdef int kind, known = 0
    if now - flow.last_time <= bounds.least_idle:
        return False
    kind = <uint8_t>flow.high
    if flow.bits & (WANTED | DROPPED) == WANTED:
        known = 2 if flow.bits & KEPT else 1
    if kind == TCP and closed(flow):
        limit = bounds.closed_idle
    elif kind == TCP and opening(flow):
        limit = bounds.opening_idle
    else:
        limit = bounds.idle[known][0 if kind == TCP else 1 if kind == UDP else 2]
    return now - flow.last_time > limit
