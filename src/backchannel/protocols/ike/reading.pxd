# C types for reading.py, which says what these are.

cimport cython

from backchannel.protocols.ike.association cimport Association
from backchannel.protocols.ike.wire cimport Header


cdef class Told:
    cdef readonly bint message, nat, notify, offer
    cdef readonly set stages


cdef list _LATEST


@cython.locals(told=Told)
cpdef Told wanted(start)


@cython.final
@cython.freelist(8)
cdef class Reading:
    cdef readonly Header header
    cdef readonly Association association
    cdef readonly Told told
    cdef readonly object sender
    cdef tuple _ends
    cdef dict _common
    cdef readonly list events
    cdef public str answer, detail
    cdef readonly int side
    cdef public int nat_hashes
    cdef public bint proposed, vendors

    cpdef begin(self, Header header, Association association, int side, Told told, tuple ends)
    cpdef dict common(self)
    cpdef source(self)
    cpdef target(self)
    cpdef str other(self)


@cython.locals(reading=Reading)
cpdef Reading begin(Header header, Association association, int side, Told told, tuple ends)


cpdef dict common(Association association, sender, bint opens=*)
