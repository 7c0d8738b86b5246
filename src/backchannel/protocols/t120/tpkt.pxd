# C types for tpkt.py, which says what these are.

cimport cython

from backchannel.reader cimport cut, cut_buffer

cdef Py_ssize_t _HEADER


cdef class Unit:
    cdef readonly int code
    cdef readonly bytes body


cdef class Packets:
    cdef bytearray _held
    cdef bint _seeking

    @cython.locals(held=bytearray)
    cpdef add(self, bytes data)
    @cython.locals(held=bytearray, size=Py_ssize_t, packet=bytes)
    cpdef Unit take(self)
    cpdef gap(self)
    cdef bint _found(self) except -1


@cython.locals(size=Py_ssize_t)
cdef Py_ssize_t _size(bytes data, Py_ssize_t at, Py_ssize_t left) except -1
@cython.locals(length=Py_ssize_t, code=int)
cpdef Unit read_unit(bytes packet)
@cython.locals(found=list, at=Py_ssize_t, size=Py_ssize_t)
cpdef tuple units(bytes data)
