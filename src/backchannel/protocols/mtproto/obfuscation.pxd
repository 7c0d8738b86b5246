# C types for obfuscation.py, which says what these are.

cimport cython

from backchannel.protocols.aes cimport uncount

cdef int _KEY, _BLOCK, _SHORT, _HIDDEN


@cython.locals(keys=bytes)
cpdef bytes uncover(bytes first)


cdef class Cipher:
    cdef bytes _key, _counter
    cdef Py_ssize_t _at, _end
    cdef object _library

    @cython.locals(at=Py_ssize_t)
    cpdef bytes update(self, bytes data)
    cdef _made(self, Py_ssize_t at)
