"""Flows that ended, kept for the flow table."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from backchannel.flows.contexts cimport Contexts
from backchannel.flows.slots cimport Slots, ends_t
from backchannel.flows.state cimport flow_t, rare_t, rest_t

cdef struct closed_t:
    flow_t flow
    rest_t rest             # its `extra` is gone
    rare_t rare             # all 0 where nothing of it happened
    ends_t ends             # where the addresses do not fit into the key
    uint64_t hits
    uint32_t conflicts

@cython.final
cdef class Closed:
    cdef closed_t* rows
    cdef uint64_t count
    cdef uint64_t room
    cdef bint failed        # out of memory

    cdef void add(self, Slots slots, uint32_t slot) noexcept nogil
    cdef dict columns(self, Contexts contexts)
    cdef object numbers(self, str name, str code)
    cdef object addresses(self, bint server)
    cdef object community_ids(self)
