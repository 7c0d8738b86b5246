# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.rtp cimport wire
from backchannel.protocols.rtp.wire cimport Packet

cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER
cdef int WINDOW, PROOF


cdef str _kind(bytes data)


cdef class _Stream:
    cdef readonly set payloads
    cdef readonly Py_ssize_t first, highest, streak, packets, octets
    cdef public bint told

    @cython.locals(step=Py_ssize_t)
    cdef bint add(self, Packet packet) except -1
    cdef Py_ssize_t lost(self) except -1


cdef class Session(Decoder):
    cdef readonly str service
    cdef tuple _accounts
    cdef readonly tuple _streams
    cdef bint _announced
    cdef Py_ssize_t _enough, _strikes, _datagrams
    cdef set _told

    @cython.locals(out=list)
    cpdef list feed(self, side, bytes data)
    @cython.locals(packet=Packet)
    cdef list _take(self, side, bytes data)
    cpdef list gap(self, side, Py_ssize_t size)
    cpdef list end(self, side)
    @cython.locals(streams=dict, stream=_Stream)
    cdef list _sums(self, side, str state)
    cdef _strike(self)
    @cython.locals(streams=dict, stream=_Stream)
    cdef list _media(self, side, Packet packet)
    cdef _stream(self, str state, ssrc, _Stream stream)
    cdef list _control(self, list reports)
