# C types for flow.py, which says what these are.

cimport cython

from backchannel.protocols.esp.cleartext cimport inside
from backchannel.protocols.esp.sequence cimport Sequence
from backchannel.reader cimport u32_at

cdef long long SAS
cdef int SHORTEST, UNPROVED_SAS, CREDULOUS, SAMPLES, REPORT, STALLS, DOUBTFUL


cpdef bint plausible(bytes packet) except -1
@cython.locals(octets="const unsigned char *")
cpdef bint possible(bytes packet) except -1
cpdef Py_ssize_t number(bytes packet) except -1


cdef class Association(Sequence):
    cdef public str spi
    cdef public str cleartext
    cdef public bint told


@cython.locals(made=Association)
cpdef Association associate(bytes spi, bytes packet)


cdef class EspFlow:
    cdef readonly tuple tables
    cdef public bint proved, refuted
    cdef public Py_ssize_t cut
    cdef bint _by_hand, _clear, _plain
    cdef Py_ssize_t _needed, _stalls, _follows, _doubtful, _untold, _stumps, _begun
    cdef str _carrier
    cdef tuple _receivers

    @cython.locals(table=dict, octets="const unsigned char *")
    cpdef Association find(self, int side, bytes packet)
    @cython.locals(sender=int, association=Association)
    cpdef list vouch(self, int side)
    cpdef bint settle(self, Py_ssize_t follows) except -1
    @cython.locals(known=Association)
    cpdef list add(self, int side, bytes packet)
    cpdef list count(self, int side, Association known, bytes packet)
    @cython.locals(table=dict, one=Association)
    cpdef list end(self, int side)

    cdef list _weigh(self, int side, Association known, bytes packet)
    cdef bint _shown(self, Py_ssize_t follows) except -1
    cdef bint _odd(self, bytes packet) except -1
    cdef _stall(self)
    @cython.locals(
        reserved=bint, association=Association, told=list, table=dict, spi=bytes,
        octets="const unsigned char *",
    )
    cdef list _begin(self, int side, bytes packet)
    cdef list _strange(self, bytes packet)
    cdef list _reserved(self, bytes packet)
    @cython.locals(oldest=Association)
    cdef list _make_room(self, dict table)
    cdef list _introduce(self, int side, Association association)
    @cython.locals(packets="long long")
    cdef list _attend(self, int side, Association known, bytes packet)
    cdef _last(self, Association known)
    cdef _figures(self, Association known, bint final=*)
