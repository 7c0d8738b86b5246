# C types for tags.py, which says what these are.

cimport cython

cdef int _COLON, _EQUALS, _DOUBLE, _SINGLE, _LESS, _SPACE, _FIRST, _INNER
cdef bytes _CLASSES


cpdef Py_ssize_t blank_end(bytes token, Py_ssize_t at) except -1
@cython.locals(end=Py_ssize_t, whole=Py_ssize_t)
cpdef Py_ssize_t name_end(bytes token, Py_ssize_t at) except -1
cpdef Py_ssize_t value_start(bytes token, Py_ssize_t at) except -2
@cython.locals(at=Py_ssize_t, quote=int)
cpdef Py_ssize_t value_end(bytes token, Py_ssize_t start) except -2
cdef Py_ssize_t _word_end(bytes token, Py_ssize_t at) except -1
