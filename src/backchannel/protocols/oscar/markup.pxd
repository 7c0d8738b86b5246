# C types for markup.py, which says what these are.

cimport cython


cpdef tuple readable(str text, escaped)
@cython.locals(
    pieces=list, parts=list, link=str, link_at=Py_ssize_t, piece=str, end=Py_ssize_t,
    size=Py_ssize_t, name=str, plain=str,
)
cpdef str from_html(str text)
@cython.locals(at=Py_ssize_t, start=Py_ssize_t, char=Py_UCS4, letter=bint)
cpdef Py_ssize_t _name_size(str tag) except -1
cdef str _href(str tag)
