# C types for observer.py, which says what these are.

from backchannel.engine.names cimport Names
from backchannel.engine.stream cimport Moment, Stream

cdef long long HELD_EVENTS, SETTLED_EVENTS
cdef object PARSED


cdef class Observer:
    cdef Names _names
    cdef object _count, _on_count
    cdef list _out
    cdef readonly object read
    cdef dict _is_read

    cpdef attend(self, read)
    cpdef bint has_told(self) except -1
    cpdef list take(self)
    cpdef hear(self, Stream stream, Moment moment, side, event)
    cpdef hear_all(self, Stream stream, Moment moment, side, list events)
    cpdef tell(self, Stream stream, Moment moment, side, event)
    cpdef release_known(self, Stream stream)
    cpdef release(self, Stream stream)
    cdef _learn(self, Stream stream, Moment moment, event)
    cdef _hold(self, Stream stream, Moment moment, side, event)
    cdef bint _reads(self, kind) except -1
    cdef _observe(self, Stream stream, Moment moment, side, event, tuple place)
