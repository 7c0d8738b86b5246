# C types for people.py, which says what these are.

cimport cython

from backchannel.protocols.oscar cimport wire
from backchannel.reader cimport u32_at


cpdef tuple status_of(dict values)
@cython.locals(at=Py_ssize_t, kind=int, size=Py_ssize_t, end=Py_ssize_t, value=bytes)
cpdef str status_text(bytes block)
cdef list _marked(bytes capabilities)
