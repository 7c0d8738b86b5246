# C types for when.py, which says what these are.

cimport cython


cdef dict _minutes


cdef str _minute(long long minutes)
@cython.locals(micros="long long", seconds="long long", fraction=int, second=int)
cpdef str rfc3339(nanoseconds)
