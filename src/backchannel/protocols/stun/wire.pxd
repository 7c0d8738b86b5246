# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport u32_at

cdef long long ERROR_CODE, XOR_PEER
cdef unsigned long long _NONE, _BIT
cdef Py_ssize_t _FINGERPRINT
cdef int _CODE, _SUM


@cython.final
@cython.freelist(8)
cdef class Message:
    cdef readonly int method, kind
    cdef readonly Py_ssize_t integrity
    cdef readonly bytes data, transaction
    cdef readonly object intact
    cdef readonly unsigned long long types

    cpdef bint is_modern(self) except -1
    @cython.locals(octets="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t)
    cpdef Py_ssize_t find(self, int attribute, Py_ssize_t start=*) except? -2
    cpdef bint has(self, int attribute) except -1
    @cython.locals(octets="const unsigned char *", at=Py_ssize_t, start=Py_ssize_t)
    cpdef bytes value(self, int attribute)
    @cython.locals(
        octets="const unsigned char *", at=Py_ssize_t, each=Py_ssize_t, found=Py_ssize_t
    )
    cpdef Py_ssize_t number(self, int attribute, Py_ssize_t size) except -1
    @cython.locals(value=bytes)
    cpdef str text(self, int attribute)
    @cython.locals(at=Py_ssize_t)
    cpdef bytes packed(self, int attribute)
    @cython.locals(packed=bytes)
    cpdef endpoint(self, int attribute)
    @cython.locals(at=Py_ssize_t, packed=bytes)
    cpdef list peers(self)
    @cython.locals(octets="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t, kind=int)
    cpdef bint is_classic(self) except -1


@cython.locals(octets="const unsigned char *")
cdef Py_ssize_t _behind(bytes data, Py_ssize_t at) except? -2
@cython.locals(octets="const unsigned char *")
cpdef bint has_cookie(bytes data) except -1
@cython.locals(octets="const unsigned char *", size=Py_ssize_t)
cpdef Py_ssize_t size_of(bytes head) except -1
@cython.locals(
    octets="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t, left=Py_ssize_t,
    length=Py_ssize_t, message=Message, first=int, second=int, name=int,
    types="unsigned long long", integrity=Py_ssize_t, covered=Py_ssize_t, expected=Py_ssize_t,
)
cpdef Message read(bytes data)
cpdef Py_ssize_t fingerprint(bytes covered) except -1
cpdef bytes signed(bytes data, Py_ssize_t integrity)
@cython.locals(
    octets="const unsigned char *", size=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t,
    n=Py_ssize_t, port=Py_ssize_t, clear=bytearray,
)
cdef bytes _packed(bytes data, Py_ssize_t at, bint masked)
cpdef endpoint(bytes packed)
@cython.locals(value=bytes)
cpdef int error_code(Message message) except -1
