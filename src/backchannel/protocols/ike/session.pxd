# C types for session.py, which says what these are.

from backchannel.protocols.ike.datagram cimport classify
from backchannel.protocols.ike.exchanges cimport Exchanges
from backchannel.protocols.ike.wire cimport Header


cdef class Session:
    cdef public object standing
    cdef public bint done
    cdef bint _expected, _usual, _tcp
    cdef object _esp, _cut
    cdef tuple _known, _frames
    cdef Exchanges _ike
    cdef str _tie
    cdef list _keepalives, _deaf
    cdef Py_ssize_t _strange, _ended

    cpdef list feed(self, side, bytes data)
    cdef list _datagram(self, side, bytes data)
    cdef list _odd(self, side, bytes data)
    cdef list _message(self, side, bytes data, Header header, str framing)
    cdef list _packet(self, side, bytes data)
    cdef list _keepalive(self, side)
    cdef list _foreign(self, bytes data)
    cdef list _stream(self, side, bytes data)
    cdef list _frame(self, side, bytes contents)
    cdef list _announced(self)
    cdef list _decide(self, side)
