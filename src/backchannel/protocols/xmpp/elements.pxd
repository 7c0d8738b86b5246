# C types for elements.py, which says what these are.


cdef class Element:
    cdef readonly str name, ns
    cdef readonly dict attributes
    cdef readonly list children, pieces

    cpdef str get(self, str name)
