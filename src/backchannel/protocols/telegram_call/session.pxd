# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.packed cimport marked, place, without
cimport backchannel.protocols.telegram_call.wire as wire
from backchannel.protocols.telegram_call.wire cimport Packet

cdef long long HELLO, MARK
cdef object _VOICE
cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER
cdef int _BOTH


cdef class Session(Decoder):
    cdef str _outside
    cdef tuple _buffers
    cdef bytes _call, _told
    cdef readonly bytes _pings
    cdef bint _begun
    cdef int _heard, _going, _wrapped

    @cython.locals(told=list)
    cpdef list feed(self, side, bytes data)
    cdef _leave(self)
    @cython.locals(packet=Packet, told=list)
    cdef list _packet(self, side, bytes data)
    cdef list _asked(self, Packet packet)
    @cython.locals(told=list, found=list)
    cdef list _answered(self, Packet packet)
    cdef _direct(self, tuple peer)
    @cython.locals(told=bytes)
    cdef list _address(self, tuple found, str how)
    @cython.locals(bit=int)
    cdef list _media(self, int side, Packet packet)
    cpdef list gap(self, side, Py_ssize_t size)
    cpdef list end(self, side)
