# C types for notifies.py, which says what these are.

cimport cython

cdef dict _DETAILS


@cython.locals(at=Py_ssize_t, end=Py_ssize_t, size=Py_ssize_t, octets="const unsigned char *")
cpdef tuple read(int version, bytes body)
cpdef bint is_error(int version, int number)
cpdef str detail(int version, int number, bytes data)
