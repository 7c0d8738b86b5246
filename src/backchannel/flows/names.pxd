"""The host names a first payload tells."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    EARLY = -1              # the payload ends before what was looked for

cdef struct suffix_t:
    uint64_t hash
    uint32_t at             # in the text
    uint32_t size           # 0: no suffix here

cdef struct hello_t:
    # Reads on through the records of a TLS handshake.
    const uint8_t* data
    uint32_t size
    uint32_t at
    uint32_t left           # in the record
    int64_t read            # bytes of the handshake before here

@cython.final
cdef class Names:
    cdef suffix_t* table
    cdef uint64_t mask
    cdef bytes text
    cdef const uint8_t* start   # of the text

    cdef int of_interest(self, bint stream, const uint8_t* data, uint32_t size) noexcept nogil
    cdef bint listed(self, const uint8_t* name, uint32_t size) noexcept nogil
    cdef int tls(self, const uint8_t* data, uint32_t size) noexcept nogil
    cdef int server_name(self, hello_t* hello, int64_t length) noexcept nogil
    cdef int http(self, const uint8_t* data, uint32_t size) noexcept nogil
    cdef int dns(self, const uint8_t* data, uint32_t size, bint whole) noexcept nogil


cdef inline uint8_t lower(uint8_t byte) noexcept nogil:
    return byte | 0x20 if 65 <= byte <= 90 else byte


cdef inline bint same(const uint8_t* seen, const uint8_t* wanted, uint32_t size) noexcept nogil:
    """Compare with *wanted*, which is lower case."""
    cdef uint32_t at
    for at in range(size):
        if lower(seen[at]) != wanted[at]:
            return False
    return True
