# C types for when.py, which says what these are.

cimport cython


@cython.locals(micros="long long", seconds="long long", fraction=int, second=int)
cpdef str rfc3339(nanoseconds)
