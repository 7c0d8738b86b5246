# C types for announcements.py, which says what these are.

cimport cython
from backchannel.flows.expect cimport dotted
from backchannel.flows.expect cimport normal as strict


cdef class Announcement:
    cdef readonly object token, expect, port, until, frame
    cdef readonly tuple place
    cdef readonly str address, source, service, stack
    cdef readonly bint repeat


cdef class Announcements:
    cdef object _tell, _untell, _count
    cdef dict _by_token, _by_place, _ports
    cdef object _fulfilled
    cdef long long _serial

    @cython.locals(source=str, place=tuple, tokens=list, made=Announcement)
    cpdef add(self, expect, str address, now, frame, str service, str stack)
    @cython.locals(tokens=list, made=Announcement)
    cdef _forget_equal(self, tuple place, expect, str source)
    cpdef expire(self, long long now)
    cpdef Announcement get(self, token)
    cpdef tuple beside(self, Announcement made, now)
    @cython.locals(ports=dict, anywhere=bint, made=Announcement)
    cpdef Announcement match(self, transport, client, server, now, bint opened)
    @cython.locals(made=Announcement, address=str)
    cdef Announcement _made_for(self, transport, client, server, now)
    @cython.locals(tokens=list, made=Announcement)
    cdef Announcement _standing(self, tuple place, str source, now)
    cdef _use_up(self, Announcement made)
    @cython.locals(made=Announcement, place=tuple, tokens=list)
    cdef _remove(self, token)


cpdef str normal(str address)
