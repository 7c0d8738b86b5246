# C types for nat.py, which says what these are.

cimport cython

from backchannel.hashes cimport sha1_end
from backchannel.protocols.ike.wire cimport Header
from backchannel.text cimport endpoint

cdef int TOLD, _SHA1, _ZERO
cdef tuple PORTS
cdef dict _ALGORITHMS, _TRIED


@cython.freelist(8)
cdef class Heard:
    cdef readonly str of, by
    cdef readonly bytes value, start
    cdef readonly Header header
    cdef readonly object seen
    cdef object _hash, _agrees

    cpdef take(self, str of, str by, bytes value, Header header, seen)
    @cython.locals(text=bytearray, port=int)
    cpdef bint agrees(self) except -1
    @cython.locals(start=bytes)
    cpdef bint says(self, str of, str by, bytes value, Header header, seen) except -1


@cython.locals(port=int, found=int, text=bytearray)
cpdef str compare(bytes value, Header header, seen)
@cython.locals(char=Py_UCS4, number=int, digits=int, dots=int)
cdef bint _put(str address, bytearray text) except -1
cdef int _port(bytes value, bytearray text, tuple ports) except -2
@cython.locals(
    initiator="unsigned long long", responder="unsigned long long", text=bytearray, at=int
)
cdef bytearray _text(Header header, str address)
@cython.locals(item=Heard)
cpdef bint nobody_behind(tuple hashes) except -1
@cython.locals(item=Heard)
cdef bint _one_agrees(str of, str by, tuple hashes) except -1
@cython.locals(made=Heard)
cpdef Heard heard(str of, str by, bytes value, Header header, seen)
cdef bint _one_matches(tuple told) except -1
