# C types for proposals.py, which says what these are.

cdef int _REMEMBERED


cpdef tuple read_offer(int version, bytes body)
