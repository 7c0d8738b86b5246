# C types for scramble.py, which says what these are.

cimport cython


@cython.locals(fixed=Py_ssize_t, value=Py_ssize_t, place=Py_ssize_t)
cpdef bint check_fits(bytes packet, Py_ssize_t check, bytes table, Py_ssize_t at) except -1
@cython.locals(check=Py_ssize_t, key=Py_ssize_t, clear=bytes, plain=bytes)
cpdef tuple unscramble_4(bytes packet)
@cython.locals(check=Py_ssize_t, key=Py_ssize_t, clear=bytes, plain=bytes)
cpdef tuple unscramble_5(bytes packet)
@cython.locals(mixed=bytearray, at=Py_ssize_t, word=Py_ssize_t)
cdef bytes _mixed(bytes data, Py_ssize_t key, bytes table, Py_ssize_t begin)
cdef Py_ssize_t _straighten(Py_ssize_t check) except -1
