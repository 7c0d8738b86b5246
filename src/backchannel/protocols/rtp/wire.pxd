# C types for wire.py, which says what these are.

cimport cython

cdef int HEADER, _RTCP
cdef bytes _KNOWN


cdef class Packet:
    cdef readonly int payload, sequence
    cdef readonly Py_ssize_t ssrc, size


@cython.locals(
    octets="const unsigned char *", size=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, first=int,
    payload=int, ssrc=Py_ssize_t,
)
cpdef Packet read_packet(bytes data)
@cython.locals(octets="const unsigned char *")
cpdef bint looks_like_dns(bytes data) except -1
cpdef bint is_stun(bytes data) except -1
@cython.locals(
    octets="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t, end=Py_ssize_t, reports=list
)
cpdef list read_compound(bytes data)
