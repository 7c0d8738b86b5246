# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport u32_at

cdef long long ANSWER, NOTHING
cdef int _VOICE, _VIDEO, _BY_SERVER, _SCREEN, _BINDS
cdef Py_ssize_t _RTP, _OPENS, _ANSWERS, _PINGS, _ENDS, _BIND, _DIRECT, _UUID
cdef Py_ssize_t _QUESTION, _TOLD, _LONGEST


@cython.final
@cython.freelist(8)
cdef class Inner:
    cdef readonly int kind, use
    cdef readonly Py_ssize_t start
    cdef readonly bytes meeting


cpdef bytes opening(bytes data)
cpdef bytes answer(bytes data)
@cython.locals(octets="const unsigned char *")
cdef bint _is_version(bytes data, int kind, int least) except -1
@cython.locals(octets="const unsigned char *", size=Py_ssize_t, kind=int, at=Py_ssize_t)
cpdef bytes cookie(bytes data)
@cython.locals(octets="const unsigned char *", size=Py_ssize_t)
cdef bint _goes_on(bytes data, Py_ssize_t at) except -1
cpdef bint answers_ping(bytes ping, bytes pong) except -1
@cython.locals(
    octets="const unsigned char *", size=Py_ssize_t, kind=int, first=int, start=Py_ssize_t,
    inner=Inner,
)
cpdef Inner read_inner(bytes data, Py_ssize_t at)
@cython.locals(octets="const unsigned char *", use=int, inner=Inner)
cdef Inner _bind(bytes data, Py_ssize_t at)
@cython.locals(size=Py_ssize_t, length=Py_ssize_t, end=Py_ssize_t)
cpdef read_direct(bytes data)
cpdef bytes question(bytes data)
@cython.locals(octets="const unsigned char *")
cpdef told(bytes data)
