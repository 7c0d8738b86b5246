# C types for extensions.py, which says what these are.

cimport cython

from backchannel.protocols.bencode cimport octets
from backchannel.reader cimport cut
from backchannel.text cimport utf8

cdef long long EXCHANGED, LISTED, REMEMBERED, V4, V6, _CONNECT, _SEED
cdef Py_ssize_t _SHOWN


cdef class Extensions:
    cdef object _known, _assembly
    cdef list _names
    cdef set _told
    cdef public object info
    cdef public bytes hash

    @cython.locals(names=dict)
    cpdef str name(self, side, int number)
    @cython.locals(name=str, rest=bytes)
    cpdef list take(self, side, bytes body)
    cdef bint _is_new(self, str what, str address, port) except -1
    @cython.locals(names=dict, out=list, name=bytes)
    cdef list _handshake(self, side, bytes body)
    @cython.locals(words=str)
    cdef _program(self, side, dict said, list out)
    @cython.locals(own=str, address=str, seen=str)
    cdef _addresses(self, side, dict said, list out)
    cdef _address(self, whose, str address, port, str how, list out)
    @cython.locals(out=list, packed=bytes, flags=bytes, size=Py_ssize_t, number=Py_ssize_t)
    cdef list _exchange(self, side, bytes body)
    cdef list _holepunch(self, side, bytes body)
    @cython.locals(whole=bytes)
    cdef list _metadata(self, side, bytes body)
