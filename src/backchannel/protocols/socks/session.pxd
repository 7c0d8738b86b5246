# C types for session.py, which says what these are.


cdef class Session:
    cdef readonly str service
    cdef object _part

    cpdef list feed(self, side, bytes data)
    cpdef list gap(self, side, Py_ssize_t size)
    cpdef list end(self, side)
