"""How deliveries leave the core one by one."""

cimport cython

@cython.final
cdef class Due:
    cdef readonly long long slot
    cdef readonly int side
    cdef readonly int kind
    cdef readonly long long time
    cdef readonly long long frame
    cdef readonly object payload

cdef class Deliverer:
    cpdef int advance(self) except -1
    cpdef Due bring(self)
