# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.tls.certificate cimport names_in
from backchannel.protocols.tls.wire cimport (
    read_certificate, read_client_hello, read_message, read_record, read_server_hello,
)
from backchannel.reader cimport cut_buffer

cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER
cdef int CERTIFICATE, CLIENT_HELLO, DATA, HANDSHAKE, SERVER_DONE, SERVER_HELLO, _SSL2
cdef Py_ssize_t _TELLING, _SHORTEST, _MOST, _LONGEST
cdef object _BY_CLIENT, _BY_SERVER


@cython.locals(handshake=bytearray, at=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, kind=int)
cdef _opening(bytes data)
@cython.locals(size=Py_ssize_t)
cdef tuple _record_start(bytes data, Py_ssize_t at)
@cython.locals(octets="const unsigned char *", size=Py_ssize_t)
cdef bint _is_one_record(bytes data) except -1
@cython.locals(fits=bint)
cdef _hello(int kind, int version, Py_ssize_t size)


@cython.final
cdef class Half:
    cdef bytearray records, messages
    cdef bint read, before
    cdef long long seen

    cdef finish(self)


cdef class Session(Decoder):
    cdef bint _hellos, _answers, _certificates, _hello_seen, _named
    cdef Half _client, _server

    @cython.locals(half=Half)
    cpdef list feed(self, side, bytes data)
    cdef Half _half(self, side)
    @cython.locals(half=Half)
    cdef _open(self, side, bytes data, list out)
    cdef bint _reaches_hello(self, Half half) except -1
    cpdef list gap(self, side, Py_ssize_t size)
    cpdef list end(self, side)
    cdef _finish(self, side)
    @cython.locals(
        records=bytearray, at=Py_ssize_t, start=Py_ssize_t, kind=int, record=tuple
    )
    cdef _cut(self, side, Half half, list out)
    @cython.locals(messages=bytearray, found=tuple, size=Py_ssize_t, kind=int, body=bytes)
    cdef _take_messages(self, side, Half half, list out)
    cdef _message(self, side, int kind, bytes body, list out)
    cdef _client_hello(self, hello, list out)
    cdef _server_hello(self, hello, list out)
    @cython.locals(names=tuple)
    cdef _certificate(self, bytes der, list out)
