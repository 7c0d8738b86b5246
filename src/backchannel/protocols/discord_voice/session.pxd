# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
cimport backchannel.protocols.discord_voice.wire as wire
from backchannel.protocols.discord_voice.wire cimport Discovery
from backchannel.protocols.rtp.session cimport Session as Media

cdef object _VOICE, _PARSED, _CLIENT, _SERVER
cdef int _BOTH


cdef class Session(Decoder):
    cdef tuple _accounts
    cdef Media _media
    cdef Py_ssize_t _asked
    cdef bytes _pinged
    cdef bint _told
    cdef int _heard, _going

    @cython.locals(told=list)
    cpdef list feed(self, side, bytes data)
    @cython.locals(told=list)
    cdef list _take(self, side, bytes data)
    cdef _ping(self, side, bytes data)
    cdef list _discovery(self, side, Discovery found)
    cpdef list gap(self, side, Py_ssize_t size)
    cpdef list end(self, side)
