# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
cimport backchannel.protocols.rdp.wire as wire
cimport backchannel.protocols.t120.tpkt as tpkt
from backchannel.protocols.t120.tpkt cimport Packets, Unit
from backchannel.reader cimport Reader

cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER


@cython.locals(unit=Unit)
cdef _connecting(list units, bint fits)


cdef class Session(Decoder):
    cdef object _use
    cdef tuple _accounts, _sides
    cdef str _user
    cdef Py_ssize_t _octets, _cipher
    cdef bint _marked

    @cython.locals(out=list, packets=Packets, unit=Unit)
    cpdef list feed(self, side, bytes data)
    @cython.locals(packets=Packets)
    cpdef list gap(self, side, Py_ssize_t size)
    cpdef list end(self, side)
    cdef _unit(self, side, Unit unit, list out)
    cdef _request(self, request, list out)
    cdef _confirm(self, bytes parameters, list out)
    cdef _security(self, tuple offered=*, str chosen=*, str detail=*)
    cdef _data(self, side, bytes body, list out)
    @cython.locals(security=Reader)
    cdef _connect(self, connect, list out)
    @cython.locals(core=Reader, network=Reader)
    cdef list _client(self, dict found)
    cdef _logon(self, bytes data, list out)
