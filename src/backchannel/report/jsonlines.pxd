# C types for jsonlines.py, which says what these are.

cimport cython

from backchannel.text cimport endpoint
from backchannel.when cimport rfc3339


cdef dict _CONFIDENCE, _SIDES, _flows, _writers


cpdef bytes line(seen, disclosure)
@cython.locals(writer=_Writer, made=list)
cpdef bytes lines(told, disclosure)


cdef class _Writer:
    cdef readonly object disclosure
    cdef object _tag, _word, _fill_in, _in_order
    cdef list _hidden

    @cython.locals(values=list, at=Py_ssize_t)
    cdef line(self, seen)


@cython.locals(known=tuple)
cdef _flow(info, target)
