# C types for exchanges.py, which says what these are.

cimport cython

from backchannel.protocols.ike cimport messages
from backchannel.protocols.ike.association cimport Association, Table
from backchannel.protocols.ike.reading cimport Reading, Told
from backchannel.protocols.ike.stages cimport steps
from backchannel.protocols.ike.wire cimport Header, Payload, payloads, read_header


cdef class Exchanges:
    cdef public Py_ssize_t heard, whole
    cdef Py_ssize_t _clear
    cdef tuple _ends
    cdef str _transport
    cdef Told _told
    cdef dict _stages
    cdef Table _table
    cdef object _fragments
    cdef bint _floated, _tied_hosts
    cdef int _ended
    cdef set _ties

    @cython.locals(association=Association, fresh=bint, reading=Reading, told=list)
    cpdef list read(self, side, bytes data, Header header, str framing)
    cpdef list esp_seen(self)
    cpdef list end(self)
    @cython.locals(header=Header, told=list)
    cdef tuple _payloads(self, Reading reading, side, bytes data, str framing)
    cdef tuple _fragment(self, Reading reading, side, Payload part, str framing, size)
    @cython.locals(last=Payload, item=Payload)
    cdef _message(self, Header header, sender, str framing, bytes data, list seen)
    @cython.locals(association=Association, told=list)
    cdef list _progress(self, Reading reading, side, list seen)
    cdef _stage(self, Association association, sender, str stage, str detail=*)
    cdef list _flood(self)
    cdef list _judge(self, Reading reading)
    cdef list _verdict(self, Association association, sender)
    cdef list _expect_float(self, Reading reading)
    @cython.locals(told=list)
    cdef list _tie(self, Association association, Header header, str framing)
