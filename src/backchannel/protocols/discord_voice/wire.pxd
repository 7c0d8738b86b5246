# C types for wire.py, which says what these are.

cimport cython

cdef Py_ssize_t _SIZE, _PING


cpdef read_discovery(bytes data)
cpdef bint is_ping(bytes data) except -1
@cython.locals(octets="const unsigned char *")
cpdef bint is_control(bytes data) except -1
