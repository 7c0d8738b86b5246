# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport Reader, u32_at
from backchannel.text cimport utf8


@cython.final
@cython.freelist(8)
cdef class Snac:
    cdef public int family, subtype
    cdef public Py_ssize_t request
    cdef public object side


@cython.locals(made=Snac)
cpdef Snac snac(int family, int subtype, Py_ssize_t request, side)


cdef class UserInfo:
    cdef readonly str name
    cdef readonly int warning
    cdef readonly dict tlvs


cpdef dict tlvs(Reader reader)
cpdef dict counted_tlvs(Reader reader)
@cython.locals(
    found=dict, octets="const unsigned char *", start=Py_ssize_t, end=Py_ssize_t, at=Py_ssize_t,
    begin=Py_ssize_t, stop=Py_ssize_t,
)
cdef dict _tlvs(Reader reader, Py_ssize_t count)
cpdef str name8(Reader reader)
cpdef bytes text16(Reader reader)
cpdef UserInfo user_info(Reader reader)
@cython.locals(value=bytes)
cpdef u16_of(dict values, tag, default=*)
@cython.locals(value=bytes)
cpdef u32_of(dict values, tag, default=*)
cpdef str ipv4(bytes value)
cpdef bint same(str one, str other)
@cython.locals(char=Py_UCS4)
cpdef str compressed(str name)
