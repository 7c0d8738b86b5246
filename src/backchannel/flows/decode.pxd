"""The innermost packet of a frame."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from backchannel.capture.records cimport frame_t
from backchannel.flows.contexts cimport Contexts
from backchannel.flows.fragments cimport Fragments
from backchannel.flows.links cimport walk_t
from backchannel.flows.state cimport BATCH, bounds_t, counts_t, packet_t

cdef struct body_t:
    # What an IP header says of what follows it.
    const uint8_t* data
    uint32_t captured       # bytes of it that are here
    uint32_t length         # bytes of it that were sent
    uint32_t size           # with the IP header
    const uint8_t* source
    const uint8_t* target
    uint8_t protocol
    bint wide               # IPv6

@cython.final
cdef class Decoder:
    cdef Contexts contexts
    cdef Fragments fragments
    cdef const bounds_t* bounds
    cdef counts_t* counts
    cdef walk_t walk
    cdef packet_t protectors[BATCH]     # where a packet is PROTECTED: the AH packet around it

    cdef int prepare(self, const bounds_t* bounds, counts_t* counts) except -1
    cdef void decode(
        self,
        const frame_t* frames,
        packet_t* packets,
        uint32_t count,
        uint64_t number,
        const uint64_t* index,
        uint64_t mask,
    ) noexcept nogil
    cdef int decode_one(
        self, const frame_t* frame, packet_t* packet, packet_t* protector
    ) noexcept nogil
    cdef bint innermost(self, body_t* body, int64_t time) noexcept nogil
    cdef bint beneath(self, body_t* body, int64_t time) noexcept nogil
    cdef bint authenticated(self, body_t* body, int64_t time) noexcept nogil
    cdef bint finish(self, const body_t* body, packet_t* packet) noexcept nogil
    cdef bint ip(self, const uint8_t* data, uint32_t size, body_t* body, int64_t time) noexcept nogil
    cdef bint ip4(
        self, const uint8_t* data, uint32_t size, body_t* body, int64_t time
    ) noexcept nogil
    cdef bint ip6(
        self, const uint8_t* data, uint32_t size, body_t* body, int64_t time
    ) noexcept nogil
    cdef bint extensions(self, body_t* body, int64_t time) noexcept nogil
    cdef bint fragment(
        self, body_t* body, uint32_t id, uint32_t start, bint more, uint32_t header, int64_t time
    ) noexcept nogil
    cdef int unwrap(self, body_t* body, const uint8_t** data, uint32_t* size) noexcept nogil
    cdef bint transport(self, const body_t* body, packet_t* packet) noexcept nogil
