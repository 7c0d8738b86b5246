# C types for wire.py, which says what these are.

cimport cython

cimport backchannel.protocols.oscar.charsets as charsets
from backchannel.reader cimport Reader


cpdef Py_ssize_t size_of(bytes data) except -1
@cython.locals(reader=Reader, kind=int, cookie=bytes, program=bytes)
cpdef read_header(bytes data)
cpdef str file_name(bytes data, int charset)


@cython.final
cdef class Checksum:
    cdef Py_ssize_t _sum

    @cython.locals(
        total=Py_ssize_t, octets="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t,
        high=Py_ssize_t,
    )
    cpdef add(self, bytes data, Py_ssize_t offset)
    cpdef bint agrees(self, Py_ssize_t declared) except -1
