"""Wanted TCP flows put in order."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from backchannel.flows.state cimport (
    bounds_t,
    counts_t,
    extra_t,
    half_t,
    history_t,
    out_t,
    packet_t,
    segment_t,
)

cdef enum:
    VAIN = 3                # answers to a side that waited in vain, behind which none waits

cdef struct part_t:
    # Bytes of a segment that are not held yet.
    uint32_t at
    uint32_t size

@cython.final
cdef class Streams:
    cdef const bounds_t* bounds
    cdef counts_t* counts
    cdef out_t* out
    cdef uint64_t used      # bytes buffered in all streams
    cdef part_t* parts      # scratch: new parts of a segment
    cdef uint8_t* scratch   # ... and the first bytes of a side

    cdef int prepare(self, const bounds_t* bounds, counts_t* counts, out_t* out) except -1
    cdef void acknowledge(
        self, uint32_t slot, extra_t* extra, int side, uint32_t ack, bint patient
    ) noexcept nogil
    cdef void fin(self, extra_t* extra, int side, uint32_t seq) noexcept nogil
    cdef bint segment(
        self,
        uint32_t slot,
        extra_t* extra,
        int side,
        const packet_t* packet,
        uint32_t seq,
    ) noexcept nogil
    cdef bint is_early(self, extra_t* extra, int side, uint32_t ack) noexcept nogil
    cdef void restart(self, uint32_t slot, extra_t* extra, int side, uint32_t seq) noexcept nogil
    cdef void expire(self, uint32_t slot, extra_t* extra) noexcept nogil
    cdef void let_go(self, extra_t* extra) noexcept nogil
    cdef void start(self, uint32_t slot, extra_t* extra) noexcept nogil
    cdef const uint8_t* prefix(self, half_t* half, uint32_t* size) noexcept nogil
    cdef uint32_t reach(self, const half_t* half) noexcept nogil
    cdef void settle(self, half_t* half) noexcept nogil
    cdef void close(self, uint32_t slot, extra_t* extra) noexcept nogil
    cdef void release(self, extra_t* extra) noexcept nogil
    cdef uint32_t fresh(
        self, half_t* half, uint32_t seq, const uint8_t* data, uint32_t size, bint* conflict
    ) noexcept nogil
    cdef void keep(
        self,
        uint32_t slot,
        extra_t* extra,
        int side,
        uint32_t seq,
        const uint8_t* data,
        uint32_t size,
        const packet_t* packet,
    ) noexcept nogil
    cdef bint fits(self, extra_t* extra, half_t* half, uint64_t cost) noexcept nogil
    cdef void give_up(self, uint32_t slot, extra_t* extra, int side, bint patient) noexcept nogil
    cdef void give(self, uint32_t slot, extra_t* extra, int side, int why) noexcept nogil
    cdef void skip(self, uint32_t slot, extra_t* extra, int side, int why) noexcept nogil
    cdef void force(self, uint32_t slot, extra_t* extra, int side, int why) noexcept nogil
    cdef void drain(self, uint32_t slot, extra_t* extra) noexcept nogil
    cdef bint ready(self, extra_t* extra, int side) noexcept nogil
    cdef void deliver_first(self, uint32_t slot, half_t* half, int side) noexcept nogil
    cdef void tail(self, uint32_t slot, half_t* half, int side) noexcept nogil
    cdef void end(self, uint32_t slot, extra_t* extra, int side, bint patient) noexcept nogil
    cdef void gap(self, uint32_t slot, half_t* half, int side, uint32_t size) noexcept nogil
    cdef void data(
        self,
        uint32_t slot,
        half_t* half,
        int side,
        const uint8_t* data,
        uint32_t size,
        segment_t* owner,
    ) noexcept nogil
    cdef void remember(self, half_t* half, const uint8_t* data, uint32_t size) noexcept nogil
    cdef void forget(self, half_t* half) noexcept nogil
