# C types for relay.py, which says what these are.

cimport cython

from backchannel.protocols.packed cimport marked
from backchannel.protocols.stun.logins cimport Logins
from backchannel.protocols.stun.wire cimport Message, error_code

cdef long long ALLOCATE, CHANNEL_BIND, CHANNEL_NUMBER, CONNECTION_ID, DATA_VALUE, LIFETIME
cdef long long MARK, PENDING, REFRESH, REQUESTED_TRANSPORT, SUCCESS, XOR_RELAYED, _TCP


@cython.final
cdef class _Question:
    cdef bytes transaction
    cdef tuple peers
    cdef int method, channel
    cdef bint tcp


cdef class Relay:
    cdef Logins _logins
    cdef str _server, _relayed
    cdef object _recall
    cdef tuple _pending
    cdef dict _channels, _open
    cdef set _reached
    cdef bytes _peers, _hosts, _refusals, _answers
    cdef bint _allocated

    cpdef bint used(self) except -1
    @cython.locals(told=list, asked=_Question)
    cpdef list ask(self, Message message, bytes data)
    @cython.locals(asked=_Question)
    cdef _Question _answered(self, bytes transaction)
    @cython.locals(peers=bytes, hosts=bytes)
    cdef list _ask_for(self, peer, str command)
    @cython.locals(asked=_Question, accepted=bint, number=int, code=str, answers=bytes, told=list)
    cpdef list answer(self, Message message)
    @cython.locals(reached=set)
    cdef list _connected(self, peer, number)
    cdef list _reach(self, peer, str transport)
    @cython.locals(channels=dict)
    cdef _bind(self, _Question asked)
    @cython.locals(code=int, refusals=bytes)
    cdef list _allocate(self, _Question asked, Message message)
    @cython.locals(realm=str, offered=bytes)
    cdef list _offer(self, Message message)
    cdef list _refresh(self, Message message)
    @cython.locals(data=bytes, peers=list)
    cpdef list indication(self, side, Message message)
    cpdef list channel(self, side, Py_ssize_t number, bytes data)
    @cython.locals(name=str, told=list, streams=dict)
    cdef list _carry(self, side, peer, bytes data)
    cpdef list end(self)
