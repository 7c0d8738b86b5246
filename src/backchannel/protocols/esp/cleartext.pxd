# C types for cleartext.py, which says what these are.

cimport cython

cdef int SHORTEST
cdef tuple ICV_SIZES, IV_SIZES
cdef dict _PROTOCOLS
cdef bytes _NUMBERS, _PADDING


@cython.locals(
    size=Py_ssize_t, icv=Py_ssize_t, end=Py_ssize_t, padding=Py_ssize_t, iv=Py_ssize_t,
    octets="const unsigned char *",
)
cpdef str inside(bytes packet)
@cython.locals(start=Py_ssize_t)
cdef bint _padded(bytes packet, Py_ssize_t end, Py_ssize_t size) except -1
