# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport Reader


cpdef Py_ssize_t size_of(bytes data) except -1
@cython.locals(reader=Reader, cookie=bytes, name=bytes)
cpdef read_header(bytes data)
