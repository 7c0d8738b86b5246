# C types for auth.py, which says what these are.

cimport cython

cdef long long SEEN, _UNICODE


@cython.final
cdef class Offer:
    cdef readonly list credentials
    cdef readonly object sign_on


@cython.final
cdef class Authentication:
    cdef str _challenge
    cdef set _seen

    @cython.locals(value=str, message=bytes)
    cpdef challenged(self, tuple values)
    @cython.locals(offer=Offer, value=str, scheme=str)
    cpdef Offer read(self, tuple values, str method)
    @cython.locals(told=dict)
    cpdef list fresh(self, Offer offer)
    cpdef list offered(self, tuple values, str method)


@cython.locals(scheme=str, rest=str)
cdef _read(str value, str method, str challenge)
cpdef basic(str token)
cdef _plain(str name, str password, str scheme)
cdef bytes _base64(str text)
@cython.locals(scheme=str, token=str, data=bytes, at=Py_ssize_t)
cdef bytes _ntlm(str value)
