# C types for services.py, which says what these are.

cimport cython
from backchannel.report.rows cimport ServiceRow


@cython.final
cdef class Services:
    cdef object _unseen
    cdef dict _rows, _found

    @cython.locals(row=ServiceRow)
    cpdef ServiceRow row(self, tuple key)
    @cython.locals(row=ServiceRow, found=tuple, carried=bint)
    cpdef ServiceRow place(self, tuple key, confidence, flow, target)
    cdef tuple _find(self, tuple key)
