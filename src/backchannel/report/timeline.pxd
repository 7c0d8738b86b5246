# C types for timeline.py, which says what these are.

cimport cython


@cython.final
cdef class Timeline:
    cdef readonly long long step
    cdef long long _width, _low, _high
    cdef dict _bins

    @cython.locals(place="long long", bins=dict)
    cpdef add(self, str service, long long time, long long events=*)
    cdef _stretch(self, long long place)
    cdef _double(self)
