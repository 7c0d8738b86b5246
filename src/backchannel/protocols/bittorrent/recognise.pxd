# C types for recognise.py, which says what these are.

cimport cython

from backchannel.reader cimport different

cdef Py_ssize_t KEY, PADDING, _FIRST, _REPEATED, _DIFFERENT


@cython.locals(data=bytes, waits=bint)
cpdef recognise(peek)
cdef _sealed(bytes data)
cdef _behind_keys(bytes client, bytes server)
cdef bint _random(bytes data) except -1
