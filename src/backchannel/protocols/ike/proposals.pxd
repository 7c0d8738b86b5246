# C types for proposals.py, which says what these are.

cimport cython

from backchannel.protocols.ike.wire cimport Payloads

cdef long long IPSEC_DOI, MAX_ALGORITHMS
cdef int _LONGEST, _REMEMBERED
cdef list _OFFERS_1, _OFFERS_2


@cython.final
cdef class Offer:
    cdef readonly bytes body
    cdef readonly tuple suites, weak, weak_aggressive
    cdef readonly int method


@cython.locals(offers=list, offer=Offer)
cpdef Offer read_offer(int version, Payloads payload)
