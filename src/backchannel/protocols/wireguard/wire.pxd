# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport cut

cdef int _RESPONSE_KEY, _FULL, _KEY, _LEAST, _TAG_LEAST, _DISCO_SHORTEST
cdef bytes _NO_COOKIE


cdef class Message:
    cdef readonly int kind
    cdef readonly bytes reserved
    cdef readonly Py_ssize_t sender, receiver
    cdef public Py_ssize_t counter, size
    cdef public bint bare, is_cut


cdef class Disco:
    cdef readonly str key


@cython.locals(size=Py_ssize_t, kind=int)
cpdef read(bytes data, bint cut_short=*)
@cython.locals(counter=Py_ssize_t, more=Py_ssize_t, message=Message)
cdef Message _data(bytes data)
@cython.locals(key=int, receiver=Py_ssize_t, message=Message)
cdef Message _handshake(bytes data, int kind)
cpdef bint varied(bytes data, int least) except -1
@cython.locals(high=Py_ssize_t, low=Py_ssize_t)
cdef Py_ssize_t _u32(bytes octets, Py_ssize_t at) except -1
cpdef str index(Py_ssize_t number)
