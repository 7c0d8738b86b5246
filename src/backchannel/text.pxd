# C types for text.py, which says what these are.

cimport cython


cpdef str utf8(bytes data)
cpdef escape(text)
cpdef str unescape(str text)
cpdef str endpoint(str address, port)
@cython.locals(char=Py_UCS4)
cdef bint _plain(str text) except -1
