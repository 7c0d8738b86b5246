# C types for sequence.py, which says what these are.

cimport cython

cdef long long MODULUS, FORWARD
cdef int REORDER, RUN, REGRET, HOLES


cdef class Sequence:
    cdef public long long first, next, packets, octets, attend
    cdef public long long missing, late, replayed, outside, resets
    cdef long long _base, _odd_next, _odd_at, _odd_run
    cdef bint _odd_replays
    cdef readonly list _holes
    cdef tuple _before_reset

    cpdef begin(self, long long sequence, Py_ssize_t size)
    cpdef bint add(self, long long sequence, Py_ssize_t size) except -1
    cpdef bint follows(self, long long sequence) except -1
    @cython.locals(ahead="long long")
    cdef _irregular(self, long long sequence)
    cdef _skip(self, long long sequence, long long ahead)
    cdef _hole(self, long long start, long long size)
    @cython.locals(at=Py_ssize_t, start="long long", size="long long", into="long long")
    cdef bint _fill(self, long long sequence) except -1
    @cython.locals(between="long long")
    cdef _precede(self, long long sequence)
    @cython.locals(replay=bint, goes_on=bint, same=bint)
    cdef _odd(self, long long sequence)
    cdef _count_odd(self, bint replay, long long by)
    @cython.locals(then="long long", packets="long long", near=bint)
    cdef bint _resumes(self, long long sequence) except -1
    @cython.locals(packets="long long")
    cdef _undo_reset(self, long long sequence)
