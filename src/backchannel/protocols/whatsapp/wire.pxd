# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport Reader, cut_buffer

cdef bytes _ROUTED, _EPHEMERAL
cdef int _W, _A
cdef Py_ssize_t _KEY, _SEALED, _BEFORE_KEY


@cython.locals(at=Py_ssize_t, have=Py_ssize_t, size=Py_ssize_t, version=int, dictionary=int)
cpdef read_opening(bytes data)
@cython.locals(size=Py_ssize_t, flags=Py_ssize_t, body=bytes)
cpdef tuple take_frame(bytearray buffer, int version)
@cython.locals(inner=Reader, static=bint, tag=int, size=Py_ssize_t)
cpdef read_hello(bytes body, int field)
@cython.locals(frame=Reader, end=Py_ssize_t, size=Py_ssize_t, at=Py_ssize_t)
cpdef begins_hello(bytes data, int field)
@cython.locals(inner=Reader)
cdef Reader _inside(Reader whole, int field)
@cython.locals(value=Py_ssize_t, shift=int, octet=int)
cdef Py_ssize_t _varint(Reader reader) except -1
