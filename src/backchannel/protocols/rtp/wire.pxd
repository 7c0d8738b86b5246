# C types for wire.py, which says what these are.

cimport cython

cdef long long RR, SR, _REPORT, _SENDER
cdef int HEADER, _RTCP
cdef bytes _KNOWN


@cython.final
@cython.freelist(8)
cdef class Packet:
    cdef readonly int payload, sequence
    cdef readonly Py_ssize_t ssrc, size


@cython.locals(octets="const unsigned char *", size=Py_ssize_t, packet=Packet)
cpdef Packet read_packet(bytes data)
cpdef bint is_packet(bytes data) except -1
@cython.locals(
    octets="const unsigned char *", size=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, first=int
)
cdef Py_ssize_t _behind(bytes data) except? -2
@cython.locals(octets="const unsigned char *")
cpdef bint looks_like_dns(bytes data) except -1
cpdef bint is_stun(bytes data) except -1
@cython.locals(
    octets="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t, end=Py_ssize_t, reports=list
)
cpdef list read_compound(bytes data)
