# C types for reading.py, which says what these are.

from backchannel.protocols.ike.association cimport Association
from backchannel.protocols.ike.wire cimport Header


cdef class Told:
    cdef readonly bint message, nat, notify
    cdef readonly object reads


cdef class Reading:
    cdef readonly Header header
    cdef readonly Association association
    cdef readonly Told told
    cdef readonly object sender, source, target
    cdef readonly list vendors, unnamed
    cdef public str answer, detail
    cdef public int nat_hashes
    cdef public bint proposed

    cpdef str other(self)
