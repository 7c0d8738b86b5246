# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.packed cimport marked, place, without
from backchannel.protocols.stun.calls cimport Calls
from backchannel.protocols.stun.relay cimport Relay
from backchannel.protocols.stun.services cimport is_multiplexed, owner, read_unpadded, vendor
from backchannel.protocols.stun.wire cimport Message, endpoint, has_cookie, read, size_of

cdef long long BINDING, CONNECTION_BIND, CONNECTION_ID, CONTROLLED, CONTROLLING, ENOUGH
cdef long long INDICATION, MAPPED_ADDRESS, MARK, MULTIPLEXED, REALM, REQUEST, SOFTWARE
cdef long long SUCCESS, TOLD, USERNAME, USE_CANDIDATE, XOR_MAPPED, XOR_MAPPED_OLD
cdef object _VOICE, _TUNNEL
cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER
cdef bytes _BY_CLIENT, _BY_SERVER
cdef Py_ssize_t _ROW, _FULL


cdef class Session(Decoder):
    cdef tuple _streams
    cdef object _start, _lengths
    cdef bytes _pending, _told
    cdef Relay _relay
    cdef Calls _calls
    cdef bint _tcp, _nameless, _unasked, _showed, _carries
    cdef object _connection
    cdef int _messages, _packets, _strange, _most

    cpdef list feed(self, side, bytes data)
    cpdef list gap(self, side, Py_ssize_t size)
    @cython.locals(told=list)
    cpdef list end(self, side)
    cdef list _stream(self, side, bytes data)
    cdef _lose(self, side)
    @cython.locals(told=list)
    cdef list _packet(self, side, bytes data)
    @cython.locals(octets="const unsigned char *", first=int, message=Message, told=list)
    cdef list _datagram(self, side, bytes data)
    @cython.locals(size=Py_ssize_t, relayed=bint)
    cdef bint _is_channel(self, bytes data) except -1
    @cython.locals(octets="const unsigned char *", told=list, size=Py_ssize_t)
    cdef list _channel(self, side, bytes data)
    @cython.locals(message=Message, told=list)
    cdef list _stun(self, side, bytes data)
    @cython.locals(told=list)
    cdef list _unpadded(self, side, bytes data)
    cdef list _whose(self, found)
    @cython.locals(told=list)
    cdef list _message(self, side, Message message, bytes data)
    cdef list _broken(self, str reason)
    @cython.locals(asked=list, relays=bint)
    cdef _request(self, side, Message message, bytes data, list told)
    @cython.locals(pending=bytes, at=Py_ssize_t)
    cdef _ask(self, int side, bytes transaction)
    @cython.locals(told=list)
    cdef list _indication(self, side, Message message)
    @cython.locals(octets="const unsigned char *", at=Py_ssize_t, asked=bint)
    cdef _proves(self, int side, bytes transaction, list told)
    cdef _answer(self, int side, Message message, list told)
    cdef _carry(self, list told)
    cdef list _carried(self, side)
    @cython.locals(packed=bytes, binding=bint)
    cdef _mapped(self, int side, Message message, list told)
    @cython.locals(names=bytes, nominated=bint)
    cdef _check(self, Message message, list told)
    @cython.locals(value=bytes)
    cdef _software(self, side, Message message, list told)
    cdef Relay _turn(self)
    cdef list _once(self, event)
    @cython.locals(told=bytes)
    cdef bint _fresh(self, what) except -1
    @cython.locals(told=list)
    cdef list _leave(self)


@cython.locals(message=Message)
cdef Message _without_cookie(bytes data)
