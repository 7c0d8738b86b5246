from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef struct record_t:
    uint64_t before         # position of the flow's record before
    uint64_t serial
    int64_t time
    uint32_t size           # bytes of the packet, which follows
    uint32_t unused

cdef class Recent:
    cdef uint8_t* arena
    cdef uint64_t size
    cdef uint64_t head      # position after the newest record
    cdef uint64_t* newest   # positions, by serial modulo flows
    cdef uint32_t flows

    cdef void put(
        self, uint64_t serial, int64_t time, const uint8_t* data, uint32_t size
    ) noexcept nogil
