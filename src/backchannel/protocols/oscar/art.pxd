# C types for art.py, which says what these are.

cimport cython

cimport backchannel.protocols.oscar.wire as wire


@cython.locals(total=Py_ssize_t, size=Py_ssize_t, at=Py_ssize_t, octets="const unsigned char *")
cpdef Py_ssize_t icon_sum(bytes data)
