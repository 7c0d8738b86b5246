# C types for channel.py, which says what these are.

cimport cython

cdef long long HELD, WINDOW


cdef class Channel:
    cdef readonly bint over
    cdef str _name
    cdef bint _opened
    cdef list _next
    cdef tuple _held
    cdef Py_ssize_t _passed

    @cython.locals(held=dict, out=list, ready=bytes)
    cpdef list add(self, side, Py_ssize_t number, bytes payload)
    @cython.locals(out=list)
    cdef list _pass(self, side, bytes payload)
    cpdef list end(self)
