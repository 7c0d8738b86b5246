# C types for when.py, which says what these are.

cimport cython


cdef dict _seconds


@cython.locals(clock=int, hour=int, minute=int)
cdef str _second(long long seconds)
@cython.locals(word="long long", micros="long long", fraction=int)
cpdef str rfc3339(nanoseconds)
