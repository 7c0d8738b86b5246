# C types for obfuscation.py, which says what these are.

cimport cython

from backchannel.protocols.aes cimport encrypt_block

cdef int _LAST


@cython.locals(keys=bytes, mask=bytes, at=int)
cpdef bytes uncover(bytes first)
cdef bytes _counter(bytes keys, int blocks)


cdef class Cipher:
    cdef object _cipher

    cpdef bytes update(self, bytes data)
