# C types for association.py, which says what these are.

cimport cython

from backchannel.protocols.ike.nat cimport Heard
from backchannel.protocols.ike.wire cimport Header


cdef class Association:
    cdef readonly bytes initiator
    cdef public bytes responder
    cdef readonly int version
    cdef str _key
    cdef public str account, method_of_nat
    cdef public tuple stage
    cdef public int rank, spoke
    cdef public Py_ssize_t messages, judged
    cdef public list hashes, recent
    cdef public object method, parts, side
    cdef public dict quick

    cpdef sender(self, side)
    @cython.locals(rank=int)
    cpdef bint step(self, str stage, str detail=*)
    cpdef bint repeats(self, side, bytes message)
    @cython.locals(known=Heard)
    cpdef keep(self, Heard item)


cdef class Table:
    cdef public Py_ssize_t begun
    cdef object _credentials
    cdef dict _held

    @cython.locals(known=Association, fresh=bint)
    cpdef tuple find(self, Header header, side)
    cpdef expect_credential(self, Association association)
    cpdef list held(self)
    cpdef latest(self)
    cdef _put(self, Association association)
