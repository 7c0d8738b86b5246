# C types for recognise.py, which says what these are.

cimport cython

cdef bytes _NUMERIC
cdef dict _BY_COMMAND
cdef frozenset _OPENING
cdef Py_ssize_t LONGEST, _LONGEST_SOURCE, _LONGEST_COMMAND


@cython.locals(client=str, mine=str, some=Py_ssize_t, server=str, theirs=str, more=Py_ssize_t)
cpdef recognise(peek)
@cython.locals(
    lines=list, unfinished=bytes, count=Py_ssize_t, raw=bytes, line=bytes, source=bytes,
    command=bytes, name=bytes, numeric=bint, fits=bint,
)
cdef tuple _look(bytes data, bint begun)
cdef bint _is_no_text(bytes line) except -1
@cython.locals(source=bytes, space=bytes)
cdef tuple _parts(bytes line)
