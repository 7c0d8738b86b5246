# C types for wire.py, which says what these are.

cimport cython

from backchannel.protocols.http.bodies cimport framing
from backchannel.protocols.http.heads cimport (
    Head, end_of_head, is_start_line, leaves_http, may_leave_http, opens, read_head
)
from backchannel.protocols.http.lane cimport Lane
from backchannel.reader cimport cut, cut_buffer

cdef long long HELD, LIMIT, OPENING, PENDING, _LONGEST_METHOD, _SEEK_TAIL
cdef tuple _SIDES
cdef int BODY, HEAD, HOLD, LOST, RAW, SEEK


cdef class Conversation:
    cdef Lane _client, _server
    cdef bint _decode, _verbatim, _bodies
    cdef Py_ssize_t _limit
    cdef object _pending

    @cython.locals(lane=Lane)
    cpdef bint within_head(self, side) except -1
    cpdef list feed(self, side, bytes data)
    cpdef list gap(self, side, Py_ssize_t size)
    @cython.locals(lane=Lane)
    cpdef list end(self, side)
    cdef Lane _lane(self, side)
    cdef _run(self, Lane lane, bytes data, list told)
    @cython.locals(state=int)
    cdef bytes _step(self, Lane lane, bytes data, list told)
    cdef _lose(self, Lane lane, str reason, list told)
    @cython.locals(
        held=bytearray, seen=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, fresh=bytes, block=bytes,
        line=Py_ssize_t,
    )
    cdef bytes _head(self, Lane lane, bytes data, list told)
    @cython.locals(
        newline=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t, held=bytearray, line=bytes, fits=bint
    )
    cdef Py_ssize_t _check(self, Lane lane, bytes fresh, Py_ssize_t seen) except -2
    @cython.locals(head=Head)
    cdef _begin(self, Lane lane, bytes block, Py_ssize_t line, list told)
    @cython.locals(head=Head, block=bytes)
    cdef _sever(self, Lane lane, list told)
    @cython.locals(faults=tuple)
    cdef _frame(self, Lane lane, Head head, list told, bint tunnel)
    cdef _answered(self, Head head, list told, bint tunnel)
    @cython.locals(pieces=list, end=Py_ssize_t)
    cdef bytes _body(self, Lane lane, bytes data, list told)
    cdef _piece(self, Lane lane, bytes piece, list told)
    cdef _spoilt(self, Lane lane, str reason, list told)
    cdef _flush(self, Lane lane, list told)
    cdef _finish(self, Lane lane, list told)
    cdef _skip(self, Lane lane, Py_ssize_t size, list told)
    @cython.locals(taken=Py_ssize_t)
    cdef _skip_body(self, Lane lane, Py_ssize_t size, list told)
    @cython.locals(held=bytearray, at=Py_ssize_t)
    cdef bytes _seek(self, Lane lane, bytes data, list told)
    cdef bytes _seek_tunnel(self, Lane lane, list told)
    @cython.locals(lane=Lane)
    cdef bytes _guess(self, list told)
    @cython.locals(lane=Lane)
    cdef _switch(self, list told)
    @cython.locals(lane=Lane)
    cdef _refused(self, list told)
    @cython.locals(lane=Lane, waiting=list)
    cdef _release(self, list told)
