# C types for wire.py, which says what these are.

cimport cython


cdef class Packet:
    cdef readonly int type, connection, number, acknowledged
    cdef readonly bytes payload


@cython.locals(at=Py_ssize_t, extension=int, count=int, size=Py_ssize_t, start=Py_ssize_t, kind=int)
cpdef Packet read_packet(bytes data)
cpdef Py_ssize_t ahead(Py_ssize_t number, Py_ssize_t other) except? -99999
