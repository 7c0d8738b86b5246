# C types for peers.py, which says what these are.

cimport cython


cdef Py_ssize_t PROXY_LIMIT


cdef class Lane:
    cdef public bytes held
    cdef public bint hunting, deaf, opening
    cdef public Py_ssize_t frames


cdef class PeerSession:
    cdef public object standing
    cdef public bint done
    cdef object _start, _guest, _pattern
    cdef list _lanes
    cdef Py_ssize_t _look

    @cython.locals(lane=Lane, at=Py_ssize_t, stop=Py_ssize_t)
    cpdef list feed(self, side, bytes data)
    cdef Py_ssize_t _step(self, side, bytes data, Py_ssize_t at, list out) except -2
    @cython.locals(lane=Lane)
    cdef Py_ssize_t _frame(self, side, bytes data, Py_ssize_t at, list out) except -2
    cdef Py_ssize_t _header(self, side, bytes data, Py_ssize_t at, list out) except -2
    cdef _met(self)
    @cython.locals(frame=tuple)
    cdef Py_ssize_t _proxied(self, Lane lane, bytes data, Py_ssize_t at, list out) except -2
