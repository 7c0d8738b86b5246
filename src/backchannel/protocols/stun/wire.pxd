# C types for wire.py, which says what these are.

cimport cython

cdef bytes _UNMASKED


cdef class Message:
    cdef readonly int method, kind
    cdef readonly Py_ssize_t integrity
    cdef readonly bytes transaction
    cdef readonly dict attributes
    cdef readonly list repeated
    cdef readonly object intact

    cpdef bint is_modern(self) except -1
    @cython.locals(value=bytes)
    cpdef str text(self, attribute)
    @cython.locals(value=bytes)
    cpdef endpoint(self, attribute)
    cpdef list peers(self)


@cython.locals(octets="const unsigned char *", size=Py_ssize_t)
cpdef Py_ssize_t size_of(bytes head) except -1
@cython.locals(
    octets="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t, end=Py_ssize_t, left=Py_ssize_t,
    length=Py_ssize_t, message=Message, attributes=dict, value=bytes,
)
cpdef Message read(bytes data)
cpdef bytes fingerprint(bytes covered)
cpdef bytes signed(bytes data, Py_ssize_t integrity)
@cython.locals(names=dict)
cpdef bint classic(Message message) except -1
@cython.locals(
    octets="const unsigned char *", over="const unsigned char *", size=Py_ssize_t, port=int,
    first=int, second=int, third=int, fourth=int,
)
cpdef address(bytes value, bytes mask)
@cython.locals(value=bytes)
cpdef int error_code(Message message) except -1
