# C types for relay.py, which says what these are.

cimport cython

from backchannel.protocols.stun.logins cimport Logins
from backchannel.protocols.stun.wire cimport Message, error_code


cdef class Relay:
    cdef Logins _logins
    cdef dict _pending, _peers, _channels, _open
    cdef set _hosts, _refusals, _answers
    cdef bint _allocated

    cpdef bint used(self) except -1
    @cython.locals(told=list)
    cpdef list ask(self, Message message)
    cdef list _ask_for(self, peer, str command)
    @cython.locals(asked=Message, accepted=bint, number=int, code=str, fresh=list)
    cpdef list answer(self, Message message)
    @cython.locals(peers=list)
    cdef _bind(self, Message asked)
    @cython.locals(code=int, transport=bytes)
    cdef list _allocate(self, Message asked, Message message)
    cdef list _refresh(self, Message message)
    @cython.locals(data=bytes, peers=list)
    cpdef list indication(self, side, Message message)
    cpdef list channel(self, side, Py_ssize_t number, bytes data)
    @cython.locals(name=str, told=list)
    cdef list _carry(self, side, peer, bytes data)
    cpdef list end(self)


cdef _lifetime(Message message)
