# C types for wire.py, which says what these are.

cimport cython

cdef long long ASK, BLOCK, MOST, TAG, _HELLO
cdef Py_ssize_t _LEAST_MEDIA
cdef bytes _MARK, _MAPPED


@cython.final
@cython.freelist(8)
cdef class Packet:
    cdef readonly bytes call, id
    cdef readonly Py_ssize_t kind
    cdef readonly tuple own, peer
    cdef readonly bint webrtc


@cython.locals(
    octets="const unsigned char *", size=Py_ssize_t, packet=Packet, high=Py_ssize_t,
    low=Py_ssize_t, kind=Py_ssize_t, width=Py_ssize_t,
)
cpdef Packet read_packet(bytes data)
cpdef bint is_sealed(bytes data) except -1
@cython.locals(octets="const unsigned char *", behind=Py_ssize_t)
cdef bint _is_wrapped(bytes data) except -1
@cython.locals(octets="const unsigned char *", end=Py_ssize_t, address=bytes, port=int, usable=bint)
cdef tuple _endpoint(bytes data, Py_ssize_t at, Py_ssize_t size)
