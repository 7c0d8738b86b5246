# C types for recognise.py, which says what these are.

cimport cython

cdef bytes _TEXT
cdef frozenset _OPENINGS


@cython.locals(first=bytes, text=bint)
cpdef recognise(peek)
@cython.locals(client=bytes, server=bytes)
cdef _link(peek)
cdef _answer_only(bytes server)
cdef _named(bytes server)
cdef bint _is_plain(bytes data) except -1
cpdef bint is_text(bytes data) except -1
