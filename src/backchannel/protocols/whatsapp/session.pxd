# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.whatsapp.wire cimport begins_hello, read_hello, read_opening, take_frame
from backchannel.reader cimport cut, cut_buffer

cdef long long CLIENT, ENCRYPTED, FINISH, FUNXMPP
cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER
cdef int _CLIENTS, _SERVERS, _BOTH


@cython.locals(frame=tuple)
cdef _goes_on(opening, bytes data)


cdef class Session(Decoder):
    cdef object _opening
    cdef str _client
    cdef bint _greeted, _static
    cdef int _heard, _deaf, _encrypted
    cdef tuple _buffers

    @cython.locals(told=list, bit=int, buffer=bytearray)
    cpdef list feed(self, side, bytes data)
    @cython.locals(frame=tuple)
    cdef bint _step(self, side, bytearray buffer, list told) except -1
    cdef bint _open(self, side, bytearray buffer) except -1
    cdef _hello(self, side, bytes body, list told)
    cdef _element(self, side, int flags, bytes body, list told)
