# C types for recognise.py, which says what these are.

cimport cython

from backchannel.protocols.oscar.wire cimport tlvs
from backchannel.reader cimport Reader


cdef bytes _TOC
cdef int COOKIE, DATA, HEADER, KEEP_ALIVE, NAME, ROASTED, SIGN_ON, SNAC_HEADER, START


cdef class _Look:
    cdef readonly bint fits, greeting, whole
    cdef readonly str proof
    cdef readonly object speaker

    @cython.locals(left=Py_ssize_t, size=Py_ssize_t, begin=Py_ssize_t, stop=Py_ssize_t)
    cdef Py_ssize_t _frame(self, bytes data, Py_ssize_t at) except -1
    cdef bint _holds(self, int channel, bytes body, Py_ssize_t size) except -1
    @cython.locals(values=dict)
    cdef bint _hello(self, bytes body, Py_ssize_t size) except -1
    @cython.locals(family=int, subtype=int, flags=int)
    cdef bint _snac(self, bytes body, Py_ssize_t size) except -1
@cython.locals(client=_Look, server=_Look, asked=bytes, answered=bytes, begun=bint)
cpdef recognise(peek)
