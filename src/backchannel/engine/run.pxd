# C types for run.py, which says what these are.

cimport cython
from backchannel.engine.stream cimport Stream


@cython.final
cdef class Run:
    cdef readonly object recall
    cdef public object read
    cdef object _core
    cdef list _recent
    cdef int _at

    cpdef ask(self, Stream stream)
    cdef _told(self, Stream stream)
    @cython.locals(at=int, before=Stream)
    cpdef remember(self, Stream stream)
    cpdef tuple parties(self, Stream stream)
    cpdef start(self, Stream stream)
    cpdef close(self, Stream stream)
