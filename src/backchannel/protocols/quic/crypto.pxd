# C types for crypto.py, which says what these are.

cimport cython

from backchannel.protocols.tls.wire cimport read_message


cdef class CryptoStream:
    cdef bytearray _whole
    cdef dict _ahead
    cdef list _starts
    cdef Py_ssize_t _read

    cpdef add(self, Py_ssize_t offset, bytes data)
    @cython.locals(known=bytes)
    cdef _wait(self, Py_ssize_t offset, bytes data)
    @cython.locals(known=Py_ssize_t)
    cdef _extend(self, Py_ssize_t offset, bytes data)
    @cython.locals(whole=bytearray, found=tuple, size=Py_ssize_t, start=Py_ssize_t)
    cpdef tuple next_message(self)
