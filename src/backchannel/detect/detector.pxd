# C types for detector.py, which says what these are.

cimport cython
from backchannel.detect.found cimport Found, Place, Writer
from backchannel.detect.plan cimport Case, Group, Plan

cdef Py_ssize_t SUBJECTS, WATCHED


cdef class Detector:
    cdef object _present
    cdef long long _repeat
    cdef readonly dict _fresh, _plans
    cdef readonly list _rules
    cdef dict _by_tag

    @cython.locals(heard=list, plans=list, plan=Plan, group=Group, number=Py_ssize_t)
    cpdef hear(self, told)
    cpdef add(self, seen)
    cpdef end(self, stream)
    @cython.locals(plan=Plan)
    cdef Plan _plan(self, kind)
    @cython.locals(
        case=Case, found=Found, number=Py_ssize_t, place=Py_ssize_t, time="long long",
        subject=tuple, subjects=list,
    )
    cdef _look(self, Group group, seen)
    @cython.locals(watched=dict, then="long long")
    cdef _watch(self, Case case, tuple subject, seen, long long time)
    @cython.locals(found=Found, values=tuple)
    cdef _find(self, Case case, tuple subject, seen, long long time)
    @cython.locals(plan=Plan, looked_at=bint, excerpt=str)
    cdef _take(self, Case case, Found found, seen, long long time)
    cdef _renew(self, rule, Found found, long long now)
