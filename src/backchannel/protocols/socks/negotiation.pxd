# C types for negotiation.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder

cdef object _CLIENT, _SERVER, _REFUTED, _CLAIMED, _PARSED
cdef tuple _FROM_SERVER, _FROM_CLIENT


cdef class Negotiation(Decoder):
    cdef object _start, _step, _login, _request
    cdef tuple _buffers, _order
    cdef bint _blind, _lossy, _inbound
    cdef list _ended
    cdef bytes _methods
    cdef str _scheme, _user

    @cython.locals(out=list, buffer=bytearray)
    cpdef list feed(self, side, bytes data)
    @cython.locals(out=list)
    cpdef list gap(self, side, Py_ssize_t size)
    @cython.locals(out=list)
    cpdef list end(self, side)
    cdef _inner(self, side)
    cdef _advance(self, list out)
    @cython.locals(blind=bint)
    cdef _read_alone(self, list out)
    cdef bint _silent(self, side) except -1
    @cython.locals(buffer=bytearray)
    cdef _consume(self, side, Py_ssize_t size)
