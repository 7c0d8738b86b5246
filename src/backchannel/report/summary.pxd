# C types for summary.py, which says what these are.

cimport cython
from backchannel.report.rows cimport Pairs, ServiceRow
from backchannel.report.services cimport Services, Spot
from backchannel.report.timeline cimport Timeline
from backchannel.text cimport endpoint


cdef class Summary:
    cdef readonly object unseen
    cdef dict _kinds
    cdef Services _services
    cdef object _facts
    cdef Pairs _pairs
    cdef Timeline _timeline

    cpdef hear(self, told)
    @cython.locals(
        kind=_Kind, row=ServiceRow, spot=Spot, time="long long", stack=str, protocol=str, service=str
    )
    cpdef add(self, seen)
    @cython.locals(
        row=ServiceRow, last=ServiceRow, known=_Kind, spot=Spot, counted=Py_ssize_t, stack=str,
        protocol=str, service=str,
    )
    cpdef count(self, kinds, tuple place, flow, target, long long time)
    cdef _Kind _kind(self, kind)
    @cython.locals(row=ServiceRow, pair=list, first="long long", last="long long", depth=int)
    cpdef end(self, stream)


@cython.final
cdef class _Kind:
    cdef bint anywhere, asks, exposes
    cdef str exposed
    cdef object handler
    cdef Spot spot
