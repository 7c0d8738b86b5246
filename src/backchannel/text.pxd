# C types for text.py, which says what these are.

cimport cython


cpdef escape(text)
@cython.locals(char=Py_UCS4)
cdef bint _plain(str text) except -1
