# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport Reader
from backchannel.text cimport utf8

cdef long long CHANGE_CIPHER, _DRAFT, _ECH, _GROUPS, _POINTS, _SIGNATURES, _VERSIONS
cdef int _SNI, _ALPN

cpdef bint grease(int value) except -1
@cython.locals(have=Py_ssize_t, size=Py_ssize_t)
cpdef tuple read_record(bytearray data, Py_ssize_t at)
@cython.locals(size=Py_ssize_t)
cpdef tuple read_message(bytearray data, Py_ssize_t at=*)
@cython.locals(reader=Reader, version=int, ciphers=bytes, found=dict, alpn=tuple, name=str)
cpdef read_client_hello(bytes body, bint brief=*)
@cython.locals(reader=Reader, version=int, cipher=int, random=bytes, found=dict, alpn=tuple, chosen=bytes)
cpdef read_server_hello(bytes body)
@cython.locals(reader=Reader, chain=Reader)
cpdef bytes read_certificate(bytes body)
@cython.locals(found=dict, inner=Reader, kind=int, value=bytes)
cdef dict _extensions(Reader reader)
@cython.locals(
    inner=Reader, alpn=bytes, name=bytes, told=bint, named=bint, kind=int, size=Py_ssize_t
)
cdef str _sought(Reader reader)
@cython.locals(at=Py_ssize_t)
cdef tuple _numbers(bytes data)
@cython.locals(reader=Reader, found=list)
cdef tuple _alpn(bytes data)
@cython.locals(reader=Reader, kind=int, name=bytes)
cdef str _name(bytes data)
