# C types for when.py, which says what these are.

cimport cython


@cython.final
cdef class _Clock:
    cdef long long _day, _second
    cdef str _date, _text

    @cython.locals(day="long long", clock=int, hour=int, minute=int, two=list)
    cdef str begin(self, long long second)


cdef _Clock _clock
cdef list _TWO


@cython.locals(word="long long", micros="long long", fraction=int)
cpdef str rfc3339(nanoseconds)
