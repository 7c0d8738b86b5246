# C types for signature.py, which says what these are.

cimport cython

cimport backchannel.protocols.socks.wire as wire


cpdef judge(bytes client, bytes server, bint begun)
cpdef judge_reverse(bytes caller, bytes called)
cdef _introduced(bytes caller, bytes called)
@cython.locals(methods=bytes, offered=bytes, end=Py_ssize_t, sound=bint)
cdef _greeted(bytes client, bytes server)
cdef bint _sound(bytes methods) except -1
cdef _mismatch(bytes server)
@cython.locals(known=bint, behind=bytes)
cdef _ahead(bytes methods, bytes rest)
cdef _request(tuple found)
