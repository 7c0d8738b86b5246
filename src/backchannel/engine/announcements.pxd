# C types for announcements.py, which says what these are.

cimport cython


cdef class Announcements:
    cdef object _tell, _untell, _count
    cdef dict _by_token, _by_place, _ports
    cdef object _fulfilled
    cdef long long _serial

    cpdef expire(self, long long now)
    cpdef get(self, token)
    cpdef tuple beside(self, made, now)
    cpdef match(self, transport, client, server, long long now, bint opened)
    @cython.locals(there=bint, anywhere=bint, address=str)
    cdef _made_for(self, transport, client, server, long long now)
    cdef _standing(self, tuple place, source, long long now)
    cdef _use_up(self, tuple place, made)
    cdef _remove(self, token)
