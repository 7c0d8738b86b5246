# C types for services.py, which says what these are.

cimport cython
from backchannel.report.rows cimport ServiceRow, Tally

cdef long long PLACES


@cython.final
cdef class Counted:
    cdef ServiceRow row
    cdef Tally tally
    cdef bint inside


@cython.final
cdef class Spot:
    cdef str tag, carried, capability, service, protocol, stack
    cdef Counted place
    cdef dict places


@cython.final
cdef class Services:
    cdef object _unseen
    cdef dict _rows

    @cython.locals(row=ServiceRow)
    cpdef ServiceRow row(self, tuple key)
    @cython.locals(row=ServiceRow, place=Counted)
    cpdef ServiceRow count(self, Spot spot, str service, str protocol, str stack, confidence)
    @cython.locals(key=tuple, place=Counted)
    cdef _move(self, Spot spot, str service, str protocol, str stack)
    @cython.locals(row=ServiceRow, inside=bint)
    cdef Counted _place(self, Spot spot, str service, str protocol, str stack)
