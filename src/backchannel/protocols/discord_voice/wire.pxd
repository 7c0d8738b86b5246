# C types for wire.py, which says what these are.

cimport cython

cdef Py_ssize_t _SIZE, _PING


@cython.locals(octets="const unsigned char *", kind=int, port=int, text=bytes)
cpdef read_discovery(bytes data)
@cython.locals(octet="unsigned char", number=int, digits=int, dots=int)
cdef bint _is_dotted(bytes text) except -1
cpdef bint is_ping(bytes data) except -1
@cython.locals(octets="const unsigned char *")
cpdef bint is_control(bytes data) except -1
