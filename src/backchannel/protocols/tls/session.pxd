# C types for session.py, which says what these are.

cimport cython

from backchannel.protocols.tls cimport wire
from backchannel.protocols.tls.certificate cimport read_names

cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER


@cython.locals(handshake=bytearray, at=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, kind=int)
cdef _opening(bytes data)
@cython.locals(size=Py_ssize_t)
cdef tuple _record_start(bytes data, Py_ssize_t at)


cdef class Session:
    cdef readonly str service
    cdef readonly object standing
    cdef readonly bint done
    cdef bint _hellos, _answers, _certificates, _hello_seen, _named
    cdef tuple _records, _messages
    cdef list _read, _seen

    cpdef list feed(self, side, bytes data)
    @cython.locals(records=bytearray)
    cdef _open(self, side, bytes data, list out)
    cpdef list gap(self, side, Py_ssize_t size)
    cpdef list end(self, side)
    cdef _finish(self, side)
    @cython.locals(
        records=bytearray, messages=bytearray, at=Py_ssize_t, start=Py_ssize_t, kind=int, record=tuple
    )
    cdef _cut(self, side, list out)
    @cython.locals(messages=bytearray, found=tuple, size=Py_ssize_t, kind=int, body=bytes)
    cdef _take_messages(self, side, list out)
    cdef _message(self, side, int kind, bytes body, list out)
    cdef _client_hello(self, hello, list out)
    cdef _server_hello(self, hello, list out)
    @cython.locals(names=tuple)
    cdef _certificate(self, bytes der, list out)
