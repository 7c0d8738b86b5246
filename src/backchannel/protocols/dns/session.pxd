# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
cimport backchannel.protocols.dns.wire as wire
from backchannel.protocols.dns.wire cimport Message, Record

cdef long long _ALIASES
cdef object _REFUTED, _CLAIMED, _PARSED
cdef int _SHORTEST, _NETBIOS_SIZE


cdef bint _plausible(Message message, bytes data) except -1


cdef class Session(Decoder):
    cdef tuple _buffers

    @cython.locals(out=list, buffer=bytearray, at=Py_ssize_t, end=Py_ssize_t)
    cpdef list feed(self, side, bytes data)
    cpdef list gap(self, side, Py_ssize_t size)
    cpdef list end(self, side)
    @cython.locals(message=Message)
    cdef list _message(self, bytes data)


@cython.locals(
    addresses=dict, aliases=dict, asked=dict, told=list, record=Record, name=str, found=tuple
)
cdef list _told(Message message)
@cython.locals(names=dict, name=str)
cdef dict _chain(list asked, dict aliases)
cdef list _resolve(str name, dict aliases, dict addresses)
