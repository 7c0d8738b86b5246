# C types for pieces.py, which says what these are.

cimport cython

cdef long long RUNS


cdef class Bits:
    cdef Py_ssize_t _most
    cdef bytearray _octets
    cdef readonly Py_ssize_t count

    @cython.locals(at=Py_ssize_t, bit=int, octets=bytearray)
    cpdef bint add(self, Py_ssize_t number) except -1
    @cython.locals(at=Py_ssize_t, octets=bytearray)
    cpdef bint has(self, Py_ssize_t number) except -1
