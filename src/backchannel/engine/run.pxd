# C types for run.py, which says what these are.

cimport cython


@cython.final
cdef class Run:
    cdef readonly object recall
    cdef public object read
    cdef object _core
    cdef list _recent
    cdef int _at

    cpdef ask(self, stream)
    @cython.locals(at=int)
    cpdef remember(self, stream)
    cpdef start(self, stream)
    cpdef close(self, stream)
