# C types for timeline.py, which says what these are.

cimport cython


@cython.final
cdef class Timeline:
    cdef long long _width, _low, _high, _place, _count
    cdef dict _bins
    cdef str _service

    @cython.locals(place="long long")
    cpdef add(self, str service, long long time, long long events=*)
    @cython.locals(place="long long", bins=dict)
    cdef _put(self)
    cdef _stretch(self, long long place)
    cdef _double(self)
