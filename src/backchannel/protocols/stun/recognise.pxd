# C types for recognise.py, which says what these are.

cimport cython

from backchannel.protocols.stun.wire cimport Message, has_cookie, read, size_of

cdef long long CHANGE_REQUEST, ENOUGH, HEADER, REQUEST, SUCCESS


@cython.locals(client=Message, server=Message, one=Message, answers=bint)
cdef _datagrams(peek)
cdef Message _message(bytes data)
@cython.locals(asked=Message, other=Message, one=Message, data=bytes)
cdef _classic(Message client, Message server, peek)
@cython.locals(answers=list)
cdef _streams(peek)
@cython.locals(start=int, size=Py_ssize_t, end=Py_ssize_t)
cdef _opening(bytes data)
