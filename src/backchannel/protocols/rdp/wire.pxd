# C types for wire.py, which says what these are.

cimport cython


@cython.locals(name=str, rest=bytes)
cpdef read_request(bytes parameters)
cdef _negotiated(bytes data, int kind)
cpdef tuple read_confirm(bytes parameters)
cpdef str cipher(number)
