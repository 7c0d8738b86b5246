# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport cut

cdef int _DATA, _SYN, _VERSION, _MOST
cdef Py_ssize_t _HEADER, _LAST, _HALF


cdef class Packet:
    cdef readonly int type
    cdef public int connection, number, acknowledged
    cdef readonly bytes payload


@cython.locals(
    length=Py_ssize_t, at=Py_ssize_t, octets="const unsigned char *", extension=int, count=int,
    size=Py_ssize_t, start=Py_ssize_t,
)
cpdef Py_ssize_t payload_at(bytes data) except -1
@cython.locals(at=Py_ssize_t, octets="const unsigned char *", packet=Packet)
cpdef Packet read_packet(bytes data)
cpdef Py_ssize_t ahead(Py_ssize_t number, Py_ssize_t other) except? -99999
