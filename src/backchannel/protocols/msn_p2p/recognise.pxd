# C types for recognise.py, which says what these are.

cimport cython

cdef object _CLIENT, _SERVER
cdef bytes _SLP, _FOO, _V1_HANDSHAKE, _V2_HANDSHAKE, _HANDSHAKE_FLAGS
cdef Py_ssize_t _FRAME


@cython.locals(head=bytes, first=int)
cdef _side(bytes data, bint begun)
cdef _after_foo(bytes rest, bint full)
