# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport cut, u32_at

cdef object _HELLO, _MESSAGES, _LOST, _DEAF
cdef int _NOTHING, _HANDSHAKE, _MESSAGE, _BLOCK, _CHUNK, _PIECE, _KEEP_ALIVE
cdef Py_ssize_t _LENGTH, _HEADER, _MOST_OF_BLOCK, _FIND, _REQUEST_SIZE, _ASKED, _LOOKED_AT
cdef bytes _SIZES, _SMALLEST, _REQUESTS, _HELLO_FORM, _BLOCK_FORM, _SHIFTS
cdef int _OPENING_BYTE


cdef class Lane:
    cdef readonly object state
    cdef readonly int kind
    cdef readonly Py_ssize_t piece, offset
    cdef readonly bytes body
    cdef bytes _data
    cdef bytearray _held
    cdef Py_ssize_t _at, _need, _left, _place

    cpdef add(self, bytes data)
    @cython.locals(data=bytes, at=Py_ssize_t, left=Py_ssize_t, start=Py_ssize_t, size=Py_ssize_t)
    cpdef int next(self) except -1
    cpdef gap(self, Py_ssize_t size)
    cpdef lose(self)
    cdef _stop(self, state)
    cdef int _wait(self, Py_ssize_t start, Py_ssize_t need) except -1
    cdef _broken(self, str reason)
    cdef int _chunk(self, bytes data, Py_ssize_t at, Py_ssize_t size) except -1
    cdef int _handshake(self, bytes data, Py_ssize_t at, Py_ssize_t left) except -1
    @cython.locals(kind=int, fixed=int, need=Py_ssize_t, fits=bint)
    cdef int _message(self, bytes data, Py_ssize_t at, Py_ssize_t left, Py_ssize_t size) except -1


@cython.locals(
    octets="const unsigned char *", shifts="const unsigned char *", at=Py_ssize_t, last=Py_ssize_t,
    shift=int,
)
cdef Py_ssize_t _find(bytes data, Py_ssize_t start) except -2
@cython.locals(octets="const unsigned char *")
cdef bint _fits(bytes data, Py_ssize_t at) except -1
