# C types for nat.py, which says what these are.

cimport cython

from backchannel.protocols.ike.wire cimport Header

cdef int TOLD


cdef class Heard:
    cdef readonly str of, by
    cdef readonly bytes value, start
    cdef readonly Header header
    cdef readonly object seen
    cdef object _hash

    cpdef take(self, str of, str by, bytes value, Header header, seen)
    @cython.locals(start=bytes)
    cpdef bint says(self, str of, str by, bytes value, Header header, seen) except -1


@cython.locals(made=Heard)
cpdef Heard heard(str of, str by, bytes value, Header header, seen)
