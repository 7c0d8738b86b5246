# C types for certificate.py, which says what these are.

cimport cython

from backchannel.reader cimport Reader

cdef int _INTEGER, _OID, _SEQUENCE, _EXTENSIONS, _DNS_NAME, _WIDE


cpdef tuple names_in(bytes der, bint wanted=*)
@cython.locals(
    certificate=Reader, body=Reader, issuer=dict, subject=dict, names=list, texts=list, common=str
)
cpdef tuple read_names(bytes der, bint wanted=*)
cdef int _tag(Reader reader) except -1
cdef Reader _next(Reader reader)
@cython.locals(size=Py_ssize_t, count=int, byte="unsigned char", octets=bytes)
cdef Py_ssize_t _size(Reader reader) except -1
@cython.locals(found=int, contents=Reader)
cdef Reader _enter(Reader reader, int tag)
@cython.locals(found=int, value=bytes)
cdef bytes _value(Reader reader, int tag)
@cython.locals(found=dict, parts=Reader, attribute=Reader, tag=int, kind=bytes)
cdef dict _attributes(Reader name)
cdef str _text(tuple value)
@cython.locals(
    contents=Reader, extensions=Reader, extension=Reader, value=Reader, names=Reader, found=list,
    tag=int, kind=int, name=bytes,
)
cdef list _alternative_names(Reader body)
