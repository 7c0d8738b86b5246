# C types for hashes.pyx.

from libc.stdint cimport int64_t, uint32_t


cdef class Mac:
    cdef uint32_t[8] inner, outer   # states behind the block that the key is in

    cpdef bytes digest(self, bytes message)


cpdef bytes sha256(bytes message)
cpdef bytes sha1(bytes message)
cpdef int sha1_end(bytes digest, bytearray text, tuple ends) except -2
cpdef int64_t mark_of(bytes message, int kind) except? -1
cpdef bytes with_mark(bytes marks, int64_t mark, int most=*)
