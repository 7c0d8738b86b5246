"""The flow table: slots for flows, and a keyed index to find them."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from backchannel.flows.state cimport bounds_t, flow_t, packet_t

cdef struct ends_t:
    uint8_t low[16]
    uint8_t high[16]

cdef enum:
    NOWHERE = 0xFFFFFFFF

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
    cdef void guess(self, packet_t* packet) noexcept nogil
    cdef uint32_t find(self, const packet_t* packet) noexcept nogil
    cdef uint32_t add(self, const packet_t* packet) noexcept nogil
    cdef void keep_ends(self, flow_t* flow, const packet_t* packet) noexcept nogil
    cdef void unlink(self, uint32_t slot) noexcept nogil
    cdef void vacate(self, uint32_t slot) noexcept nogil
    cdef bint holds(self, uint32_t slot, const packet_t* packet) noexcept nogil
    cdef bint idle(self, const flow_t* flow, int64_t now) noexcept nogil
    cdef uint32_t turn(self) noexcept nogil
    cdef uint32_t victim(self) noexcept nogil

cdef bint closed(const flow_t* flow) noexcept nogil
cdef bint opening(const flow_t* flow) noexcept nogil
