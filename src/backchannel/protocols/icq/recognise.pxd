# C types for recognise.py, which says what these are.

cimport cython

from backchannel.protocols.icq.wire cimport Packet, read
from backchannel.reader cimport Reader

cdef object _CLIENT, _SERVER
cdef int NO, PLAUSIBLE, PROOF


@cython.locals(sent=int, answered=int)
cdef tuple _weigh_both(bytes client, bytes server)
cdef str _evidence(side, bytes data)
cdef int weigh(Packet packet) except -1
cdef bint _may_lack_uin(Packet packet) except -1
@cython.locals(reader=Reader, size=Py_ssize_t)
cdef int _shape(Packet packet) except -1
@cython.locals(password=bytes, port=Py_ssize_t, size=Py_ssize_t)
cdef int _login(Reader reader) except -1
@cython.locals(uin=Py_ssize_t, kind=int, size=Py_ssize_t)
cdef int _message(Reader reader) except -1
@cython.locals(uin=Py_ssize_t, port=Py_ssize_t, mode=int)
cdef int _online(Reader reader) except -1
