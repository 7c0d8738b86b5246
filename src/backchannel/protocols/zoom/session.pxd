# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.packed cimport marked
from backchannel.protocols.rtp.session cimport Session as Media
from backchannel.protocols.rtp.wire cimport Packet, read_compound, read_packet
cimport backchannel.protocols.zoom.wire as wire
from backchannel.protocols.zoom.wire cimport Inner

cdef long long MARK, MOST_ON, TOLD
cdef int STRIKES, STEP, _PING_S
cdef int BIND, DIRECT, MEDIA, OPENING, OUTER, PING, PONG, REPORT, SCREEN, VOICE
cdef object _VOICE, _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER


cdef class Session(Decoder):
    cdef str _client
    cdef tuple _accounts
    cdef bytes _asked, _call, _told, _number
    cdef int _caller, _header, _strange
    cdef Py_ssize_t _heard
    cdef tuple _places, _pings, _repeated, _last
    cdef dict _media
    cdef bint _screens
    cdef int _kinds

    @cython.locals(told=list)
    cpdef list feed(self, side, bytes data)
    cpdef list gap(self, side, Py_ssize_t size)
    cpdef list end(self, side)
    @cython.locals(octets="const unsigned char *", first=int, known=bint)
    cdef list _take(self, side, bytes data)
    @cython.locals(number=bytes)
    cdef list _opening(self, side, bytes data)
    cdef _ask(self, side, bytes number)
    cdef list _stun(self, side, bytes data)
    @cython.locals(told=list)
    cdef list _attempt(self, side, attempt)
    cdef list _address(self, str address, int port, str how)
    @cython.locals(number=bytes, kind=int, bit=int, client=int, server=int)
    cdef bint _known(self, side, bytes data) except -1
    @cython.locals(both=int)
    cdef bint _is_agreed(self) except -1
    @cython.locals(client=bytes, server=bytes, asked=bytes, said=bytes, before=bytes)
    cdef _ping(self, side, bytes data)
    cdef _prove(self)
    @cython.locals(inner=Inner, body=bytes, packet=Packet, told=list)
    cdef list _inner(self, side, bytes data, int at)
    @cython.locals(bit=int)
    cdef list _first(self, int side, int kind, Packet packet)
    @cython.locals(last=Packet)
    cdef _follow(self, side, Packet packet)
    @cython.locals(media=Media, told=list)
    cdef list _counted(self, side, bytes body, int kind)
    cdef list _bind(self, Inner inner)
    @cython.locals(told=list)
    cdef list _sums(self, side, str state)
    cdef list _strike(self)
    @cython.locals(told=bytes)
    cdef bint _fresh(self, what) except -1
