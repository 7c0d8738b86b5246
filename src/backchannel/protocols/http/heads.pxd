# C types for heads.py, which says what these are.

cimport cython


@cython.final
cdef class Head:
    cdef readonly bint request
    cdef readonly str version, method, target, reason
    cdef readonly int status
    cdef readonly bytes raw
    cdef readonly tuple faults
    cdef list _fields

    @cython.locals(line=bytes)
    cpdef str get(self, str name, str default=*)
    @cython.locals(line=bytes)
    cpdef tuple all(self, str name)
    @cython.locals(line=bytes)
    cpdef bint starting(self, str prefix) except -1
    @cython.locals(line=bytes)
    cpdef list tokens(self, str name)


cdef int _COLON, _CR, _LF, _POINT, _ZERO, _NINE, _VERSION_SIZE, _LONGEST_METHOD
cdef int _H, _T, _P, _SLASH
cdef bytes _IN_TOKEN, _LOWER, _BLANKS

@cython.locals(end=Py_ssize_t)
cpdef bint opens(bytes data, bint request) except -1
cpdef bint is_start_line(bytes block, Py_ssize_t end, bint request) except -1
@cython.locals(octets="const unsigned char *", at=Py_ssize_t, stop=Py_ssize_t)
cpdef Py_ssize_t end_of_head(bytes data, Py_ssize_t start, Py_ssize_t limit) except -2
@cython.locals(
    head=Head, data="const unsigned char *", end=Py_ssize_t, parts=tuple, method=Py_ssize_t,
    start=Py_ssize_t, stop=Py_ssize_t, version=Py_ssize_t, status=Py_ssize_t, hundreds=int,
    tens=int, ones=int,
)
cpdef Head read_head(bytes block, tuple asked, Py_ssize_t end=*)
cpdef bint may_leave_http(Head head) except -1
cpdef bint leaves_http(Head head) except -1
@cython.locals(data="const unsigned char *")
cdef bint _is_version(bytes line, Py_ssize_t at) except -1
@cython.locals(
    data="const unsigned char *", at=Py_ssize_t, digit=Py_ssize_t, behind=Py_ssize_t
)
cdef Py_ssize_t _status(bytes block, Py_ssize_t end) except -2
@cython.locals(
    data="const unsigned char *", token="const unsigned char *", stop=Py_ssize_t,
    method=Py_ssize_t, start=Py_ssize_t,
)
cdef tuple _request_line(bytes block, Py_ssize_t end)
@cython.locals(
    found=list, faults=dict, data="const unsigned char *", size=Py_ssize_t, end=Py_ssize_t,
    colon=Py_ssize_t,
)
cdef tuple _fields(bytes block, Py_ssize_t at)
@cython.locals(data="const unsigned char *", token="const unsigned char *", at=Py_ssize_t)
cdef Py_ssize_t _colon(bytes block, Py_ssize_t start, Py_ssize_t end) except -2
@cython.locals(
    data="const unsigned char *", lower="const unsigned char *", token="const unsigned char *",
    at=Py_ssize_t, size=Py_ssize_t
)
cdef bint _called(bytes line, str name, bint whole) except -1
cdef str _name(bytes line)
cdef str _value(bytes line)
@cython.locals(data="const unsigned char *")
cdef str _text(bytes line, Py_ssize_t start, Py_ssize_t end)
