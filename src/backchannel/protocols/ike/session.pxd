# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.esp.flow cimport Association, EspFlow
from backchannel.protocols.ike.datagram cimport classify
from backchannel.protocols.ike.exchanges cimport Exchanges
from backchannel.protocols.ike.recognise cimport needed
from backchannel.protocols.ike.wire cimport Header

cdef long long KEEPALIVES, KEEPALIVE_PROOF, STRANGERS


cdef class Session(Decoder):
    cdef bint _expected, _usual, _tcp, _fresh
    cdef EspFlow _esp
    cdef object _cut
    cdef tuple _known
    cdef Exchanges _ike
    cdef str _tie
    cdef list _keepalives
    cdef tuple _frames
    cdef int _deaf
    cdef Py_ssize_t _strange, _ended

    @cython.locals(known=Association)
    cpdef list feed(self, side, bytes data)
    @cython.locals(
        header=Header, known=dict, offset=Py_ssize_t, size=Py_ssize_t,
        octets="const unsigned char *",
    )
    cdef list _datagram(self, side, bytes data)
    cdef list _odd(self, side, bytes data)
    cdef list _message(self, side, bytes data, Header header, str framing)
    @cython.locals(fresh=bint, proved=bint)
    cdef list _packet(self, side, bytes data)
    cdef list _keepalive(self, side)
    cdef list _foreign(self, bytes data)
    cdef list _stream(self, side, bytes data)
    cdef list _frame(self, side, bytes contents)
    cdef list _announced(self)
    cdef list _decide(self, side)
    cdef list _late(self, side)
