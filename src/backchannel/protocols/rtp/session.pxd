# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.packed cimport marked
cimport backchannel.protocols.rtp.wire as wire
from backchannel.protocols.rtp.wire cimport Packet

cdef long long MARK, REMEMBERED, STRIKES, _CNAME, _EMAIL, _LOCATION, _NAME, _PHONE, _TOOL
cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER
cdef int WINDOW, PROOF


cdef str _kind(bytes data)


@cython.final
cdef class _Stream:
    cdef bytes payloads
    cdef Py_ssize_t first, highest, streak, packets, octets, ssrc
    cdef int side
    cdef bint told

    @cython.locals(step=Py_ssize_t)
    cdef bint add(self, Packet packet) except -1
    cdef Py_ssize_t lost(self) except -1


cdef class Session(Decoder):
    cdef tuple _accounts
    cdef readonly tuple _streams
    cdef bytes _told
    cdef bint _announced
    cdef int _strikes, _datagrams, _enough

    @cython.locals(out=list)
    cpdef list feed(self, side, bytes data)
    @cython.locals(packet=Packet, reports=list)
    cdef list _take(self, side, bytes data)
    cpdef list gap(self, side, Py_ssize_t size)
    cpdef list end(self, side)
    @cython.locals(stream=_Stream)
    cdef list _sums(self, int side, str state)
    cdef _strike(self)
    @cython.locals(stream=_Stream, others=bint)
    cdef list _media(self, int side, Packet packet)
    cdef list _more(self, _Stream stream, Packet packet)
    @cython.locals(names=list, name=str)
    cdef _stream(self, str state, _Stream stream)
    @cython.locals(told=bytes, fresh=list)
    cdef list _control(self, list reports)
