"""A queue of the kernel whose packets wait for our verdict."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    MOST = 64               # packets taken at a time
    ROOM = 66048            # bytes of one message: the longest packet and its attributes

cdef struct queued_t:
    const uint8_t* payload
    uint32_t size           # bytes of payload that are here
    uint32_t full           # bytes that the packet has
    uint32_t id
    uint32_t mark           # the packet's
    uint32_t incoming       # interface numbers; 0: none
    uint32_t outgoing
    uint32_t flags          # SKB_INFO
    uint8_t hook
    bint bridged            # goes from one port of a bridge to another

@cython.final
cdef class Queue:
    cdef readonly int number
    cdef readonly bint closed
    cdef readonly uint64_t received
    cdef readonly uint64_t answered
    cdef readonly uint64_t overruns
    cdef readonly uint64_t malformed
    cdef readonly uint64_t refused
    cdef int handle
    cdef uint8_t* store         # MOST times ROOM
    cdef queued_t packets[MOST]
    cdef uint32_t count
    cdef uint8_t* outbox
    cdef uint32_t outbox_size

    cdef int fetch(self) except -1
    cdef void message(self, const uint8_t* data, uint32_t size) noexcept nogil
    cdef bint parse(self, const uint8_t* data, uint32_t size, queued_t* packet) noexcept nogil
    cdef int answer(
        self, uint32_t id, uint32_t verdict, bint marked, uint32_t mark,
        const uint8_t* payload, uint32_t size,
    ) except -1
    cdef int send(self) except -1
    cdef int command(self, bytes attributes) except -1
