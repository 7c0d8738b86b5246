"""VLAN tags and tunnels around packets, each combination under a number."""

cimport cython
from libc.stdint cimport uint32_t, uint64_t

from backchannel.flows.links cimport walk_t
from backchannel.flows.state cimport DEEPEST, bounds_t, counts_t

cdef struct context_t:
    walk_t around
    uint32_t next           # in the same bucket; 0: none

@cython.final
cdef class Contexts:
    cdef context_t* all     # all[0] is "no tags, no tunnels"
    cdef uint32_t* buckets
    cdef uint32_t count
    cdef uint32_t room
    cdef uint32_t single[4096]  # numbers of one VLAN tag alone; 0: not seen
    cdef const bounds_t* bounds
    cdef counts_t* counts
    cdef bint failed        # out of memory

    cdef int prepare(self, const bounds_t* bounds, counts_t* counts) except -1
    cdef uint32_t number(self, const walk_t* walk) noexcept nogil
    cdef uint32_t add(self, const walk_t* walk, uint64_t bucket) noexcept nogil
