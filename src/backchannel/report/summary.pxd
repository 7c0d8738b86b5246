# C types for summary.py, which says what these are.

cimport cython
from backchannel.report.rows cimport Pairs, ServiceRow
from backchannel.report.services cimport Services
from backchannel.report.timeline cimport Timeline


cdef class Summary:
    cdef readonly object unseen
    cdef dict _kinds
    cdef Services _services
    cdef object _facts
    cdef Pairs _pairs
    cdef Timeline _timeline

    cpdef hear(self, told)
    @cython.locals(kind=_Kind, row=ServiceRow, time="long long")
    cpdef add(self, seen)
    @cython.locals(row=ServiceRow, known=_Kind, counted=Py_ssize_t)
    cpdef count(self, kinds, tuple place, flow, target, long long time)
    cdef _Kind _kind(self, kind)
    @cython.locals(row=ServiceRow, pair=list)
    cpdef end(self, stream)


@cython.final
cdef class _Kind:
    cdef str tag, protocol, capability, exposed
    cdef object handler
    cdef bint asks, anywhere
