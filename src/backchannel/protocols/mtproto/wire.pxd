# C types for wire.py, which says what these are.

cimport cython

from backchannel.protocols.mtproto.obfuscation cimport uncover
from backchannel.reader cimport Reader, cut, cut_buffer

cdef long long ACKNOWLEDGE, EARLIEST, _MOST_KEYS, _RES_PQ, _VECTOR
cdef bytes _FIRSTS
cdef Py_ssize_t KEPT, MOST
cdef int _LOOKED_AT, _ZEROS, _TAB, _RETURN, _SPACE, _TILDE, _MORE, _QUICK
cdef int _BLOCK, _BEFORE_BLOCKS, _PLAIN_HEAD


cdef class Frame:
    cdef readonly Py_ssize_t size
    cdef readonly bytes head
    cdef readonly bint intact


@cython.locals(opening=bytes, hidden=bytes)
cpdef read_opening(bytes data)
@cython.locals(size=Py_ssize_t, at=Py_ssize_t, zeros=int, text=int, octet=int)
cdef bint _random(bytes data) except -1


cdef class Frames:
    cdef readonly str framing
    cdef bint _server
    cdef bytearray _buffer
    cdef Py_ssize_t _skip

    @cython.locals(passed=Py_ssize_t)
    cpdef add(self, bytes data)
    @cython.locals(start=Py_ssize_t, size=Py_ssize_t, have=Py_ssize_t, kept=Py_ssize_t, head=bytes)
    cpdef Frame take(self)
    @cython.locals(buffer=bytearray, have=Py_ssize_t, start=Py_ssize_t, quick=bint)
    cdef Py_ssize_t _start(self) except -2
    @cython.locals(buffer=bytearray, words=bint, full=bint, quick=bint, size=Py_ssize_t)
    cdef Py_ssize_t _size(self, Py_ssize_t start) except -1
    cdef Frame _full(self, Py_ssize_t size, bytes head)


cdef Py_ssize_t _u24(bytearray buffer, Py_ssize_t at) except -1
@cython.locals(padding=Py_ssize_t, reader=Reader, key=bytes, code=object, blocks=Py_ssize_t)
cpdef read_message(Frame frame, str framing)
@cython.locals(clock=Py_ssize_t, size=Py_ssize_t, name=Py_ssize_t)
cdef _plain(Reader reader, Py_ssize_t whole, Py_ssize_t padding)
