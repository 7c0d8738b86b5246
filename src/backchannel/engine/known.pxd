# C types for known.py, which says what these are.

cimport cython


@cython.final
cdef class Known:
    cdef readonly str name, service
    cdef readonly bint alone, context, sealed
    cdef readonly unsigned long long bit
    cdef object _protocol, _recognise, _session

    cpdef recognise(self, peek)
    cpdef begin(self, start)
