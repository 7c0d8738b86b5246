# C types for reach.py, which says what these are.

cimport cython
from backchannel.engine.announcements cimport Announcement, Announcements, normal
from backchannel.engine.logins cimport Group
from backchannel.engine.names cimport Names
from backchannel.engine.stream cimport Moment, Stream


cdef class Reach:
    cdef readonly object files
    cdef readonly Announcements announcements
    cdef Names _names
    cdef object _protocols, _count, _shared, _owners, _remembered
    cdef dict _groups

    @cython.locals(made=Announcement)
    cpdef expected(self, Stream stream, now)
    @cython.locals(address=str)
    cpdef announce(self, Stream stream, expect, Moment moment)
    cpdef remember(self, effect)
    @cython.locals(groups=dict, known=Group, mine=Group, group=Group)
    cpdef tie(self, Stream stream, tie, Moment moment)
    @cython.locals(child=Stream)
    cpdef open(self, Stream stream, Moment moment, effect)
    cpdef Stream child(self, Stream stream, effect)
    cpdef forget_child(self, Stream stream, effect)
    cdef Stream _find(self, Stream stream, channel, shared)
    cpdef file(self, Stream stream, side, effect)
    cdef _brought(self, tuple file, Stream stream, side)
    cpdef list overdue(self, long long now)
    cdef list _ended(self, list keys)
