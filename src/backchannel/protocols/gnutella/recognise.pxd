# C types for recognise.py, which says what these are.

cimport cython

cdef bytes _LETTERS, _KINDS
cdef Py_ssize_t _HEADER_SIZE, _HIGHEST


@cython.locals(client=bytes, server=bytes)
cpdef recognise(peek, str network=*)
cdef _datagram(peek, str network)
@cython.locals(client=bytes, server=bytes, flipped=bint)
cdef _handshake(peek, str network)
cdef _first_block(bytes data)
cdef _unfinished(bytes data, str network)
@cython.locals(client=bytes, server=bytes, first=bytes, mark=bytes, size=Py_ssize_t)
cdef _stream(peek)
@cython.locals(target=bytes, low=bytes, named=bint, head=bytes, whole=bint)
cdef _http(bytes request, bytes answer, str asked, bint flipped)
@cython.locals(line=bytes, newline=bytes, verb=bytes, rest=bytes, target=bytes, version=bytes)
cdef bytes _target(bytes request)
@cython.locals(head=bytes, whole=bint)
cdef _early(bytes answer, bint flipped)
@cython.locals(end=Py_ssize_t)
cdef tuple _head(bytes data)
cdef bint _servent(bytes head, bytes target) except -1
cdef bint _known(bytes head) except -1
cdef _answer(bytes data, bint flipped)
@cython.locals(client=bytes, server=bytes, asked=bint, answered=bint)
cdef _messages(peek)
@cython.locals(way=int, small=bint)
cdef bint _begins(bytes data) except -1
