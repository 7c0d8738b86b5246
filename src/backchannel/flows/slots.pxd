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
    extra_t,
    flow_t,
    half_t,
    out_t,
    packet_t,
    rare_t,
    rest_t,
)
from backchannel.wire cimport mix, prefetch

cdef struct ends_t:
    uint8_t low[16]
    uint8_t high[16]

cdef enum:
    NOWHERE = 0xFFFFFFFF
    AHEAD = 16              # flows between the expiry hand and what is fetched for it
    MOST_PACKETS = 255      # of a side in flow_t: no packet is so long that its bytes run over before
    MOST_HOLES = 0xFFFFFFFF

@cython.final
cdef class Slots:
    cdef flow_t* flows          # those that nobody has hold the next of them in `low`
    cdef rest_t* rest           # of each flow
    cdef ends_t* ends           # addresses of IPv6 flows
    cdef uint64_t* index        # hash << 32 | slot + 1; 0: empty
    cdef uint64_t mask
    cdef uint32_t room
    cdef uint32_t used          # slots that were ever used
    cdef uint32_t vacant        # slot + 1 that is used next; 0: none
    cdef uint32_t ends_used
    cdef uint32_t vacant_ends   # likewise
    cdef uint64_t count         # flows in the index
    cdef uint32_t hand
    cdef uint64_t extras        # flows that have an extra_t
    cdef rare_t lost            # what takes the place of a rare_t when memory is out
    cdef const bounds_t* bounds
    cdef out_t* out

    cdef int prepare(self, const bounds_t* bounds, out_t* out) except -1
    cdef uint32_t add(self, const packet_t* packet) noexcept nogil
    cdef void enter(self, uint64_t entry) noexcept nogil
    cdef bint grow(self) noexcept nogil
    cdef void keep_ends(self, uint32_t slot, const packet_t* packet) noexcept nogil
    cdef void unlink(self, uint32_t slot) noexcept nogil
    cdef void vacate(self, uint32_t slot) noexcept nogil
    cdef uint32_t victim(self) noexcept nogil
    cdef void* made(self, size_t size) noexcept nogil
    cdef extra_t* extra(self, uint32_t slot) noexcept nogil
    cdef half_t* halves(self, uint32_t slot) noexcept nogil
    cdef rare_t* rare(self, uint32_t slot) noexcept nogil
    cdef void forget(self, uint32_t slot) noexcept nogil
    cdef void add_up(self, uint32_t slot, int side) noexcept nogil
    cdef void add_hole(self, uint32_t slot, int side, int64_t size) noexcept nogil


# -- inline, because every packet goes through here ------------------------------------------------

cdef inline void guess(
    const flow_t* flows, const uint64_t* index, uint64_t mask, packet_t* packet
) noexcept nogil:
    """Note where the packet's flow probably is, and have it brought into the cache."""
    cdef uint32_t hash = <uint32_t>packet.hash, slot = 0
    cdef uint64_t at = hash & mask, entry = index[at]
    while entry:
        if <uint32_t>(entry >> 32) == hash:
            slot = <uint32_t>entry
            prefetch(&flows[slot - 1])
            break
        at = (at + 1) & mask
        entry = index[at]
    packet.candidate = slot


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
    ends = &self.ends[self.rest[slot].ends]
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
    cdef uint32_t slot = self.hand
    if slot >= self.used:
        slot = 0
    self.hand = slot + 1
    prefetch(&self.flows[slot + AHEAD])
    return slot if self.flows[slot].bits & (USED | LEAVING) == USED else <uint32_t>NOWHERE


cdef inline uint32_t hash_of(Slots self, const flow_t* flow) noexcept nogil:
    """Return the part of a flow's hash that is in the index, as `make_key` works it out."""
    cdef uint64_t hash = mix(flow.low ^ self.bounds.key[0], flow.high ^ self.bounds.key[1])
    return <uint32_t>(hash ^ hash >> 32)


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


cdef inline const rare_t* rare_of(const rest_t* rest) noexcept nogil:
    """Return what happens to few flows, or NULL: nothing of it happened to this one."""
    return rest.extra.rare if rest.extra != NULL else NULL


cdef inline uint64_t packets_of(const flow_t* flow, const rare_t* rare, int side) noexcept nogil:
    return flow.packets[side] + (rare.packets[side] if rare != NULL else 0)


cdef inline uint64_t bytes_of(const flow_t* flow, const rare_t* rare, int side) noexcept nogil:
    return flow.bytes[side] + (rare.bytes[side] if rare != NULL else 0)


cdef inline uint64_t payload_of(const flow_t* flow, const rare_t* rare, int side) noexcept nogil:
    return flow.payload[side] + (rare.payload[side] if rare != NULL else 0)


cdef inline uint64_t holes_of(const rest_t* rest, const rare_t* rare, int side) noexcept nogil:
    if rest.holes[side] < <uint32_t>MOST_HOLES or rare == NULL:
        return rest.holes[side]
    return MOST_HOLES + rare.holes[side]
