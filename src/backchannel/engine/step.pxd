# C types for step.py, which says what these are.

cimport cython


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class Step:
    cdef public object data
    cdef public long long time, frame
    cdef public unsigned char side


@cython.locals(made=Step)
cpdef Step step(int side, data, long long time, long long frame)
