# C types for lane.py, which says what these are.

cimport cython

from backchannel.protocols.bittorrent_utp.wire cimport ahead

cdef long long EARLY, _FAR
cdef Py_ssize_t _UNKNOWN, _LAST


cdef class Lane:
    cdef Py_ssize_t _next, _held, _acknowledged, _late
    cdef dict _early
    cdef readonly Py_ssize_t octets, lost
    cdef public Py_ssize_t ended

    cpdef begins(self, Py_ssize_t number)
    @cython.locals(distance=Py_ssize_t, turn=Py_ssize_t)
    cpdef list take(self, Py_ssize_t number, bytes payload)
    @cython.locals(upto=Py_ssize_t)
    cpdef list acknowledged(self, Py_ssize_t number)
    cpdef list rest(self)
    @cython.locals(out=list, turn=Py_ssize_t)
    cdef list _skip(self, Py_ssize_t number)
    cdef _lose(self, Py_ssize_t count, list out)
    cdef bytes _taken(self, bytes payload)
    cdef _drain(self, bytes payload, list out)
