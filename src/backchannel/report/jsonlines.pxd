# C types for jsonlines.py, which says what these are.

cimport cython

from backchannel.when cimport rfc3339


cdef dict _CONFIDENCE, _SIDES, _flows, _writers


@cython.locals(writer=_Writer)
cpdef bytes line(seen, disclosure)


cdef class _Writer:
    cdef readonly object disclosure
    cdef object _tag, _word, _in_order, _fill_in
    cdef list _hidden

    @cython.locals(values=list)
    cdef bytes line(self, seen)


@cython.locals(known=tuple)
cdef _flow(info, target)
