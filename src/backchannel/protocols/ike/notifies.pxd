# C types for notifies.py, which says what these are.

cimport cython

from backchannel.protocols.ike.wire cimport Payloads

cdef long long _MAX_TEXT
cdef dict _DETAILS
cdef int COOKIE, INVALID_KE, REDIRECT, REDIRECTED_FROM


@cython.locals(at=Py_ssize_t, octets="const unsigned char *")
cpdef Py_ssize_t spi_at(int version, Payloads payload) except -1
cpdef bint is_error(int version, int number)
cpdef bint matters(int version, int number, bint answers)
cpdef str detail(int version, int number, bytes data)
