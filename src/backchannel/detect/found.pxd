# C types for found.py, which says what these are.

cimport cython


@cython.final
cdef class Found:
    cdef readonly str service, capability, summary
    cdef readonly tuple subject
    cdef readonly dict hosts, accounts
    cdef readonly list places
    cdef readonly object confidence
    cdef readonly long long count, first, last
    cdef public long long told
    cdef object flow

    cpdef bint add(self, long long time, confidence, flow, tuple accounts, tuple hosts=*)


cdef _keep(dict names, more)
