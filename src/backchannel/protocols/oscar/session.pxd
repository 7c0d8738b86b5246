# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
cimport backchannel.protocols.oscar.signon as signon
cimport backchannel.protocols.oscar.wire as wire
from backchannel.protocols.oscar.state cimport State
from backchannel.reader cimport Reader, u32_at


cdef int DATA, EXTENDED, HEADER, KEEP_ALIVE, NONE_YET, SIGN_OFF, SIGN_ON, SNAC_HEADER, START
cdef dict KINDS
cdef tuple UNKNOWN


cdef class _Lane:
    cdef public bytearray held
    cdef public Py_ssize_t need, anomalies
    cdef public bint hunting, deaf, skipped
    cdef public int expected


cdef class Session(Decoder):
    cdef State _state
    cdef list _lanes
    cdef Py_ssize_t _good
    cdef object _flipped

    @cython.locals(state=State)
    cdef _name(self)
    @cython.locals(lane=_Lane, out=list, at=Py_ssize_t)
    cpdef list feed(self, side, bytes data)
    cdef Py_ssize_t _hunt(self, _Lane lane, bytes data) except -1
    @cython.locals(
        end=Py_ssize_t, start=int, channel=int, sequence=int, size=Py_ssize_t, stop=Py_ssize_t,
        octets="const unsigned char *",
    )
    cdef Py_ssize_t _frames(
        self, side, _Lane lane, bytes data, Py_ssize_t at, list out
    ) except -1
    cdef Py_ssize_t _lost(self, _Lane lane, str reason, list out, Py_ssize_t size) except -1
    cpdef _frame(self, side, _Lane lane, int channel, bytes payload, list out)
    @cython.locals(expected=int)
    cdef _count(self, _Lane lane, int channel, int sequence, list out)
    cdef _odd(self, _Lane lane, anomaly, list out)
    cdef _hello(self, side, bytes payload, list out)
    @cython.locals(reader=Reader, family=int, subtype=int, kinds=dict)
    cdef _snac(self, side, _Lane lane, bytes payload, list out)
    cdef _spoken(self, side)
