"""Unfinished IP datagrams."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from backchannel.flows.links cimport walk_t
from backchannel.flows.state cimport DEEPEST, bounds_t, counts_t

cdef struct name_t:
    # What fragments of one datagram have in common; compared as a whole, so zeroed first.
    uint16_t vlans[DEEPEST]
    uint64_t tunnels[DEEPEST]
    uint8_t source[16]
    uint8_t target[16]
    uint32_t id
    uint32_t vlan_count
    uint32_t tunnel_count
    uint32_t protocol
    uint32_t wide

cdef struct piece_t:
    uint32_t start
    uint32_t size
    uint8_t* data

cdef struct datagram_t:
    name_t name
    datagram_t* older       # in the order of the first fragments
    datagram_t* newer
    datagram_t* next        # in the same bucket
    uint64_t bucket
    int64_t time
    piece_t* pieces         # ascending, never overlapping
    uint32_t count
    uint32_t room
    uint32_t size           # of the whole; 0 until its last piece was seen
    uint32_t held

@cython.final
cdef class Fragments:
    cdef datagram_t** buckets
    cdef datagram_t* oldest
    cdef datagram_t* newest
    cdef const bounds_t* bounds
    cdef counts_t* counts
    cdef uint32_t count
    cdef uint64_t held
    cdef bint failed        # out of memory
    cdef uint8_t** whole    # datagrams put together since `release`
    cdef uint32_t whole_count

    cdef int prepare(self, const bounds_t* bounds, counts_t* counts) except -1
    cdef const uint8_t* add(
        self,
        name_t* name,
        uint32_t start,
        const uint8_t* body,
        uint32_t size,
        bint more,
        int64_t time,
        uint32_t* total,
    ) noexcept nogil
    cdef void release(self) noexcept nogil
    cdef void finish(self) noexcept nogil
    cdef datagram_t* find(self, const name_t* name, uint64_t bucket) noexcept nogil
    cdef datagram_t* open(self, const name_t* name, uint64_t bucket, int64_t time) noexcept nogil
    cdef bint place(
        self, datagram_t* datagram, uint32_t start, const uint8_t* body, uint32_t size, bint more
    ) noexcept nogil
    cdef bint insert(
        self, datagram_t* datagram, uint32_t at, uint32_t start, const uint8_t* body, uint32_t size
    ) noexcept nogil
    cdef const uint8_t* join(self, datagram_t* datagram, uint32_t* total) noexcept nogil
    cdef void bound(self) noexcept nogil
    cdef void expire(self, int64_t time) noexcept nogil
    cdef void remove(self, datagram_t* datagram) noexcept nogil
