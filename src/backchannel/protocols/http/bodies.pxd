# C types for bodies.py, which says what these are.

cimport cython

from backchannel.protocols.http.heads cimport Head

cdef long long LINE, RATIO, TRAILERS


cdef class Counted:
    cdef readonly bint done
    cdef Py_ssize_t _left

    @cython.locals(end=Py_ssize_t)
    cpdef Py_ssize_t feed(self, bytes data, Py_ssize_t at, list out) except -1
    cpdef Py_ssize_t skip(self, Py_ssize_t size) except -1


cdef class Endless:
    cpdef Py_ssize_t feed(self, bytes data, Py_ssize_t at, list out) except -1
    cpdef Py_ssize_t skip(self, Py_ssize_t size) except -1


cdef class Chunked:
    cdef readonly bint done
    cdef bint _verbatim, _closing
    cdef bytes _line
    cdef Py_ssize_t _left, _trailers

    @cython.locals(
        pieces=list, start=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t, newline=Py_ssize_t,
        begin=Py_ssize_t,
    )
    cpdef Py_ssize_t feed(self, bytes data, Py_ssize_t at, list out) except -1
    cdef _take_line(self, bint whole)
    cpdef Py_ssize_t skip(self, Py_ssize_t size) except -1


cpdef tuple framing(Head head, bint verbatim)
@cython.locals(value=str)
cdef tuple _by_length(Head head, list lengths, list faults)
