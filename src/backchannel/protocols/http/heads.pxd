# C types for heads.py, which says what these are.

cimport cython


cdef class Head:
    cdef readonly bint request
    cdef readonly str version, method, target, reason
    cdef readonly int status
    cdef readonly bytes raw
    cdef readonly tuple headers, faults

    @cython.locals(key=str, value=str, field=tuple)
    cpdef str get(self, str name, str default=*)
    @cython.locals(key=str, value=str)
    cpdef bint starting(self, str prefix) except -1
    @cython.locals(key=str, value=str)
    cpdef list tokens(self, str name)


cdef int _COLON, _CR, _LF, _SPACE, _VERSION_SIZE, _LONGEST_METHOD
cdef bytes _IN_TOKEN, _BLANKS

@cython.locals(newline=Py_ssize_t, line=bytes)
cpdef bint opens(data, bint request) except -1
@cython.locals(octets="const unsigned char *", at=Py_ssize_t, stop=Py_ssize_t)
cpdef Py_ssize_t end_of_head(bytes data, Py_ssize_t limit) except -2
@cython.locals(line=bytes, parts=tuple)
cpdef Head read_head(bytes block, tuple asked)
@cython.locals(
    data="const unsigned char *", token=bytes, end=Py_ssize_t, stop=Py_ssize_t, method=Py_ssize_t,
    start=Py_ssize_t,
)
cdef tuple _request_line(bytes line)
@cython.locals(
    found=list, lower=bytes, data="const unsigned char *", token=bytes,
    at=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t, stop=Py_ssize_t, colon=Py_ssize_t,
    begin=Py_ssize_t,
)
cdef tuple _fields(bytes block)
@cython.locals(data="const unsigned char *")
cdef str _value(bytes block, Py_ssize_t start, Py_ssize_t end)
