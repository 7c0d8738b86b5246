# C types for wire.py, which says what these are.

cimport cython


@cython.locals(kind=int, start=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t, raw=bytes)
cpdef tuple read_address(data, Py_ssize_t at)
cdef str _host(int kind, bytes raw)
cpdef tuple read_greeting(data)
cpdef tuple read_request5(data)
cpdef tuple read_reply5(data)
@cython.locals(user=bytes, name=bytes, raw=bytes, end=Py_ssize_t)
cpdef tuple read_request4(data)
@cython.locals(end=Py_ssize_t)
cdef bytes _text(data, Py_ssize_t at)
cpdef tuple read_reply4(data)
@cython.locals(middle=Py_ssize_t, end=Py_ssize_t)
cpdef tuple read_userpass(data)
cpdef tuple read_pair(data, bytes versions)
@cython.locals(end=Py_ssize_t)
cpdef tuple read_gssapi(data)
@cython.locals(found=dict, at=Py_ssize_t, end=Py_ssize_t)
cpdef tuple read_chap(data)
cpdef tuple read_datagram(bytes data)
