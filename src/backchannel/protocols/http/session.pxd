# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.http.heads cimport Head, opens
from backchannel.protocols.http.wire cimport Conversation

cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER


cdef class Session(Decoder):
    cdef Conversation _talk
    cdef object _auth
    cdef str _host, _line
    cdef list _named

    cpdef list feed(self, side, bytes data)
    cpdef list gap(self, side, Py_ssize_t size)
    cpdef list end(self, side)
    @cython.locals(events=list, head=Head)
    cdef list _tell(self, now, list told)
    cdef _request(self, Head head, list events)
    cdef _answer(self, Head head, list events)
    cdef str _wanted(self, Head head)
