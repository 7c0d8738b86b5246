# C types for plan.py, which says what these are.

cimport cython
from backchannel.text cimport escape


@cython.final
cdef class Plan:
    cdef readonly str tag
    cdef readonly dict places
    cdef readonly set texts
    cdef readonly tuple speakers
    cdef readonly list cases
    cdef object _subjects, _accounts
    cdef bint _only_known
    cdef dict _known

    cpdef tuple subjects(self, seen)
    cpdef tuple accounts(self, seen)
    cpdef look_up(self, str name, seen)


@cython.final
cdef class Case:
    cdef readonly Plan plan
    cdef readonly object rule
    cdef readonly long long at_least, within, apart
    cdef readonly dict found, watched
    cdef readonly tuple names
    cdef str _text
    cdef object _holds, _subject, _distinct, _excerpt, _values

    cpdef tuple values(self, seen)
    cpdef str summary(self, values)
    cpdef tuple match(self, seen)
    cpdef distinct(self, seen)
    cpdef str excerpt(self, seen)


cdef str _said(value)
