# C types for login.py, which says what these are.

cimport cython

from backchannel.protocols.http.heads cimport Head


@cython.final
cdef class Logins:
    cdef readonly object _waiting
    cdef object _told
    cdef bint _answered

    cpdef list asked(self, Head head, signing)
    @cython.locals(refused=bint)
    cpdef list answered(self, Head head, bint accepted)
    cdef _pop(self, Head head)
