# C types for recognise.py, which says what these are.

cimport cython

from backchannel.reader cimport different

cdef long long _NEVER
cdef Py_ssize_t KEY, PADDING, _FIRST, _REPEATED, _DIFFERENT


@cython.locals(client=bytes, server=bytes, data=bytes, begun=bint)
cpdef recognise(peek)
cdef bint _may_open(bytes data) except -1
cdef _sealed(bytes data)
@cython.locals(size=Py_ssize_t)
cdef _behind_keys(bytes client, bytes server)
cdef bint _random(bytes data) except -1
