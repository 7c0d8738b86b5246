# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport u32_at

cdef long long ANSWERS, ASKS
cdef Py_ssize_t _SIZE, _PING


cdef class Discovery:
    cdef readonly bint answers
    cdef readonly Py_ssize_t ssrc, port
    cdef readonly str address


@cython.locals(octets="const unsigned char *", kind=int, port=int, text=bytes)
cpdef Discovery read_discovery(bytes data)
@cython.locals(octet="unsigned char", number=int, digits=int, dots=int)
cdef bint _is_dotted(bytes text) except -1
cpdef bint is_ping(bytes data) except -1
@cython.locals(octets="const unsigned char *")
cpdef bint is_control(bytes data) except -1
