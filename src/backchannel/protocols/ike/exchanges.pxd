# C types for exchanges.py, which says what these are.

cimport cython

cimport backchannel.protocols.ike.messages as messages
cimport backchannel.protocols.ike.registry as registry
from backchannel.protocols.ike.association cimport Association, Table
from backchannel.protocols.ike.nat cimport nobody_behind
from backchannel.protocols.ike.reading cimport Reading, Told, begin, common, wanted
from backchannel.protocols.ike.stages cimport steps
from backchannel.protocols.ike.wire cimport Header, Payloads, read_header, walk

cdef int AGGRESSIVE, FRAGMENT_1, HEADER, MANY, NATT_PORT, SK, SKF
cdef tuple _ESP_FLOWS


@cython.locals(kinds=list)
cdef tuple _kinds(Payloads seen)


cdef class Exchanges:
    cdef public Py_ssize_t heard, whole
    cdef Py_ssize_t _clear
    cdef tuple _ends
    cdef str _transport
    cdef Told _told
    cdef Table _table
    cdef object _fragments, _float
    cdef bint _floated, _tied_hosts
    cdef int _ended
    cdef set _ties

    cpdef bint proved(self) except -1
    @cython.locals(
        table=Table, begun=Py_ssize_t, association=Association, fresh=bint, reading=Reading
    )
    cpdef list read(self, int side, bytes data, Header header, str framing)
    @cython.locals(latest=Association)
    cpdef list esp_seen(self)
    @cython.locals(association=Association)
    cpdef list end(self)
    cdef _recall(self, announced, Association association)
    @cython.locals(header=Header, events=list, seen=Payloads, inner=Header, whole=bytes)
    cdef Payloads _payloads(self, Reading reading, bytes data, str framing)
    @cython.locals(header=Header, events=list)
    cdef bytes _fragment(self, Reading reading, bytes part, str framing, size)
    @cython.locals(header=Header, last=Payloads)
    cdef _message(self, Reading reading, str framing, bytes data, Payloads seen)
    @cython.locals(association=Association, step=tuple)
    cdef _progress(self, Reading reading, Payloads seen)
    @cython.locals(stage=str, detail=str)
    cdef _stage(self, Association association, sender, tuple step)
    cdef list _flood(self)
    @cython.locals(answered=bint)
    cdef _judge(self, Reading reading)
    @cython.locals(hashes=tuple)
    cdef list _verdict(self, Association association, sender)
    cdef list _expect_float(self, Reading reading)
    @cython.locals(header=Header, association=Association, protected=bint)
    cdef _tie(self, Reading reading, str framing)
