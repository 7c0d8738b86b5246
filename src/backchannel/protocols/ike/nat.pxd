# C types for nat.py, which says what these are.

cimport cython

from backchannel.hashes cimport sha1
from backchannel.protocols.ike.wire cimport Header

cdef int TOLD, _SHA1
cdef tuple PORTS
cdef dict _ALGORITHMS


@cython.freelist(8)
cdef class Heard:
    cdef readonly str of, by
    cdef readonly bytes value, start
    cdef readonly Header header
    cdef readonly object seen
    cdef object _hash, _agrees

    cpdef take(self, str of, str by, bytes value, Header header, seen)
    @cython.locals(address=bytes, text=bytearray)
    cpdef bint agrees(self) except -1
    @cython.locals(start=bytes)
    cpdef bint says(self, str of, str by, bytes value, Header header, seen) except -1


@cython.locals(port=int, address=bytes, text=bytearray)
cpdef str compare(bytes value, Header header, seen)
@cython.locals(size=Py_ssize_t, end=Py_ssize_t)
cdef bint _is_of(bytes value, bytearray text, int port) except -1
@cython.locals(octets="const unsigned char *", size=Py_ssize_t, text=bytearray, at=int)
cdef bytearray _text(
    unsigned long long initiator, unsigned long long responder, bytes address
)
@cython.locals(item=Heard)
cpdef bint nobody_behind(tuple hashes) except -1
@cython.locals(item=Heard)
cdef bint _one_agrees(str of, str by, tuple hashes) except -1
@cython.locals(made=Heard)
cpdef Heard heard(str of, str by, bytes value, Header header, seen)
cdef bint _one_matches(tuple told) except -1
