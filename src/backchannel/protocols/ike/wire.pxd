# C types for wire.py, which says what these are.

cimport cython


cdef class Header:
    cdef readonly bytes initiator, responder
    cdef readonly int next, version, exchange, flags
    cdef readonly Py_ssize_t message_id, length
    cdef readonly bint encrypted, from_initiator, opens
    cdef readonly object response


cdef class Payload:
    cdef readonly int kind, next
    cdef readonly bytes body


@cython.locals(size=Py_ssize_t, length=Py_ssize_t, first=int, flags=int, major=int)
cpdef Header read_header(bytes data, Py_ssize_t at=*, bint cut=*)

@cython.locals(
    kind=int, following=int, left=Py_ssize_t, length=Py_ssize_t, at=Py_ssize_t,
    found=list, octets="const unsigned char *",
)
cpdef tuple payloads(bytes data, int first, Py_ssize_t start, Py_ssize_t end)
