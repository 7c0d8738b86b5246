# C types for packed.py, which says what these are.

cimport cython

from backchannel.hashes cimport with_mark


@cython.locals(
    ours="const unsigned char *", theirs="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t,
    last=Py_ssize_t, same=Py_ssize_t,
)
cpdef Py_ssize_t place(bytes rows, bytes key, Py_ssize_t width) except? -2
@cython.locals(octets="const unsigned char *", end=Py_ssize_t)
cpdef bytes without(bytes rows, Py_ssize_t at, Py_ssize_t width)
cpdef bytes marked(bytes marks, value)
@cython.locals(at=Py_ssize_t)
cpdef bytes unmarked(bytes marks, value)
