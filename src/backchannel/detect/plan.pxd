# C types for plan.py, which says what these are.

cimport cython
from backchannel.detect.found cimport brief
from backchannel.text cimport escape

cdef long long SECOND


cdef class Case
cdef class Group


@cython.final
cdef class Plan:
    cdef readonly str tag
    cdef readonly dict places
    cdef readonly set texts
    cdef readonly tuple speakers
    cdef readonly list cases
    cdef object _key, _accounts
    cdef bint _only_known
    cdef dict _groups, _known

    cdef list _waiting, _sorted
    cdef Py_ssize_t _given

    cpdef add(self, seen)
    cpdef Group next(self)
    @cython.locals(waiting=list, group=Group, number=Py_ssize_t)
    cdef _sort(self)
    cpdef tuple accounts(self, seen)
    cpdef look_up(self, str name, seen)


@cython.final
cdef class Group:
    cdef readonly list cases, waiting, subjects
    cdef Py_ssize_t _given

    @cython.locals(waiting=list, case=Case)
    cpdef Py_ssize_t next(self) except -1


@cython.final
cdef class Case:
    cdef readonly Plan plan
    cdef readonly object rule
    cdef readonly long long at_least, within, apart
    cdef readonly dict found, watched
    cdef readonly tuple names
    cdef tuple _parts
    cdef readonly list settled
    cdef list _open
    cdef object _counted, _shown, _holds, _subject, _subjects, _settles, _distinct, _excerpt, _values

    cpdef tuple values(self, seen)
    @cython.locals(told=list, number=Py_ssize_t, text=str, name=str)
    cpdef str summary(self, tuple values)
    cpdef bint may_match(self, seen) except -1
    cpdef list subjects(self, seen)
    cpdef tuple match(self, seen)
    cpdef distinct(self, seen)
    @cython.locals(text=str)
    cpdef str excerpt(self, seen)
    cdef tuple _one_by_one(self, expressions, seen)


@cython.locals(text=str)
cdef str _said(str name, value)
