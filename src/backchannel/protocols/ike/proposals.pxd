# C types for proposals.py, which says what these are.

cimport cython

cdef int _LONGEST, _REMEMBERED
cdef dict _OFFERS_1, _OFFERS_2


@cython.locals(known=dict)
cpdef tuple read_offer(int version, bytes body)
