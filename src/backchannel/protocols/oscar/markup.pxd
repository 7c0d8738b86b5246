# C types for markup.py, which says what these are.

cimport cython


cpdef tuple readable(str text, escaped)
@cython.locals(pieces=list, parts=list, link=str, link_at=Py_ssize_t, name=str)
cpdef str from_html(str text)
cdef str _href(str tag)
