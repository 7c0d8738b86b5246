# C types for nat.py, which says what these are.


cdef class Heard:
    cdef readonly str of, by
    cdef readonly bytes value, spis
    cdef readonly object seen
    cdef object _hash

    cpdef bint same(self, Heard other)
