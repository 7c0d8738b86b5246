"""Announced flows, and the filter in front of them."""

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t

from backchannel.flows.state cimport counts_t, packet_t

cdef enum:
    RECENT = 1024           # flows that an expectation looks back on
    HOSTS = 4096            # counters of the filter, a power of two
    PORT_WORDS = 1024       # a bit for each counter, in words of 64
    HOST_WORDS = 64

cdef struct recent_t:
    uint64_t serial
    uint32_t slot

@cython.final
cdef class Announced:
    cdef object expectations
    cdef counts_t* counts
    cdef uint64_t waiting       # expectations
    cdef uint32_t* ports        # expectations by port
    cdef uint32_t* hosts        # expectations of any port, by hash of the address
    cdef uint64_t asked_ports[PORT_WORDS]  # a bit for each that is not 0: they stay in the cache
    cdef uint64_t asked_hosts[HOST_WORDS]
    cdef recent_t recent[RECENT]

    cdef int prepare(self, uint32_t limit, counts_t* counts) except -1
    cdef void note(self, uint32_t* counts, uint64_t* asked, uint32_t at, int change) noexcept
    cdef bint may_hold(self, const packet_t* packet) noexcept nogil
    cdef void remember(self, uint64_t serial, uint32_t slot) noexcept nogil
