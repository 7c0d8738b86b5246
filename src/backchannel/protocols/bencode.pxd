# C types for bencode.py, which says what these are.

cimport cython

from backchannel.reader cimport cut

cdef int _I, _L, _D, _E, _COLON, _ZERO, _NINE, _MINUS
cdef Py_ssize_t _DIGITS, _SHORT

cpdef bytes octets(dict values, bytes key)
cpdef dict inner(dict values, bytes key)
cpdef list listed(dict values, bytes key)


cdef class _Parser:
    cdef bytes _data
    cdef Py_ssize_t _left
    cdef readonly Py_ssize_t at

    @cython.locals(data=bytes, at=Py_ssize_t, kind=int)
    cpdef value(self, Py_ssize_t depth)
    @cython.locals(found=list)
    cdef list _list(self, Py_ssize_t depth)
    @cython.locals(found=dict, key=bytes)
    cdef dict _dict(self, Py_ssize_t depth)
    @cython.locals(ends=bint)
    cdef bint _ends(self) except -1
    @cython.locals(
        data=bytes, start=Py_ssize_t, at=Py_ssize_t, size=Py_ssize_t, last=Py_ssize_t,
    )
    cdef bytes _string(self)
    @cython.locals(
        data=bytes, first=Py_ssize_t, at=Py_ssize_t, value=Py_ssize_t, last=Py_ssize_t, negative=bint
    )
    cdef _number(self)
    @cython.locals(at=Py_ssize_t, end=Py_ssize_t, digits=bytes)
    cdef _long_number(self)
