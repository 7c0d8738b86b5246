# C types for wire.py, which says what these are.

cimport cython

cdef object _HELLO, _MESSAGES, _LOST, _DEAF


cdef class Message:
    cdef readonly int kind
    cdef readonly bytes body


cdef class Block:
    cdef readonly Py_ssize_t piece


cdef class Chunk:
    cdef readonly Py_ssize_t piece, offset
    cdef readonly bytes data


cdef class Lane:
    cdef readonly object state
    cdef bytearray _buffer
    cdef Py_ssize_t _left, _piece, _at

    cpdef gap(self, Py_ssize_t size)
    cpdef lose(self)
    @cython.locals(at=Py_ssize_t)
    cdef Chunk _chunk(self, bytes data)
    @cython.locals(buffer=bytearray, size=Py_ssize_t, kind=int, body=bytes)
    cdef _next(self)
    @cython.locals(buffer=bytearray, found=bytes)
    cdef _handshake(self)
    @cython.locals(buffer=bytearray)
    cdef Block _block(self, Py_ssize_t size)
    @cython.locals(start=Py_ssize_t, opens=bint)
    cdef bint _found(self) except -1


@cython.locals(first=Py_ssize_t, at=Py_ssize_t, mark=bytes)
cdef Py_ssize_t _find(bytearray buffer) except -2
@cython.locals(fixed=Py_ssize_t, fits=bint, most=Py_ssize_t)
cdef _check(int kind, Py_ssize_t size)
