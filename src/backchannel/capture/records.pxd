"""A packet as the capture holds it, and a run of them."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef struct frame_t:
    const uint8_t* data
    int64_t time        # nanoseconds since 1970
    uint32_t captured
    uint32_t original
    uint32_t link       # link type as in pcap files


@cython.final
cdef class Chunk:
    cdef frame_t* frames
    cdef Py_ssize_t count
    cdef Py_ssize_t room
    cdef object keep    # owns the bytes that the frames point into

    cdef frame_t* push(self) except NULL nogil
    cdef int grow(self) except -1 nogil


cdef struct interface_t:
    uint32_t link
    uint32_t snap
    int64_t offset      # seconds
    uint32_t unit       # nanoseconds in a unit of its times; 0: no whole number
    uint8_t resolution  # of these, as in if_tsresol


@cython.final
cdef class Records:
    cdef readonly uint64_t offset
    cdef readonly uint64_t needed
    cdef readonly str damage
    cdef readonly uint64_t left_out
    cdef readonly uint64_t left_out_at
    cdef readonly uint32_t left_out_interface
    cdef bint swapped
    cdef uint32_t header
    cdef uint32_t tick
    cdef uint32_t link
    cdef int64_t last
    cdef interface_t* interfaces
    cdef uint32_t interface_count
    cdef uint32_t interface_room
    cdef Chunk newest       # the last two chunks: used again once nobody else holds them
    cdef Chunk older
    cdef int fault
    cdef uint64_t value

    cdef Py_ssize_t records(self, const uint8_t* data, Py_ssize_t size, Chunk chunk) except -1 nogil
    cdef Py_ssize_t blocks(self, const uint8_t* data, Py_ssize_t size, Chunk chunk) except -1 nogil
    cdef int block(self, uint32_t kind, const uint8_t* body, uint32_t size, Chunk chunk) except -1 nogil
    cdef int interface(self, const uint8_t* body, uint32_t size) except -1 nogil
    cdef int packet(
        self, const uint8_t* body, uint32_t size, uint32_t which, Chunk chunk
    ) except -1 nogil
    cdef int simple(self, const uint8_t* body, uint32_t size, Chunk chunk) except -1 nogil
    cdef void leave_out(self, uint64_t offset) noexcept nogil
    cdef uint32_t u32(self, const uint8_t* at) noexcept nogil
    cdef uint32_t u16(self, const uint8_t* at) noexcept nogil
    cdef Chunk empty_chunk(self, object data)
    cdef int wrong(self, int fault, uint64_t value) noexcept nogil
