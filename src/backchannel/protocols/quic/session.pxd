# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.quic.crypto cimport CryptoStream
from backchannel.protocols.quic.keys cimport Keys
from backchannel.protocols.quic.wire cimport Packet, is_long, read_crypto, read_negotiation, read_packet

cdef long long EARLY, INITIAL, PACKETS
cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER


cdef class Session(Decoder):
    cdef bint _hellos, _answers, _hello_seen, _restarts, _early, _broken
    cdef int _left, _tries
    cdef Keys _keys
    cdef bytes _source
    cdef object _client
    cdef CryptoStream _said, _heard

    cpdef list feed(self, side, bytes data)
    cdef _finish(self)
    cdef _malformed(self, error, list out)
    cdef _miss(self)
    @cython.locals(at=Py_ssize_t, packet=Packet)
    cdef _take(self, side, bytes data, list out)
    cdef bint _is_client(self, side) except -1
    cdef bint _fits(self, Packet packet) except -1
    @cython.locals(keys=Keys)
    cdef _negotiated(self, side, found, list out)
    @cython.locals(keys=Keys)
    cdef _retry(self, side, bytes data, Packet packet, list out)
    @cython.locals(keys=Keys, made=Keys, payload=bytes)
    cdef _ask(self, side, bytes data, Packet packet, list out)
    cdef _adopt(self, side, Keys keys, Packet packet)
    @cython.locals(keys=Keys, payload=bytes)
    cdef _answer(self, bytes data, Packet packet, list out)
    @cython.locals(found=tuple, kind=int, body=bytes)
    cdef _client_said(self, bytes payload, list out)
    cdef _greeted(self, hello, list out)
    @cython.locals(found=tuple, kind=int, body=bytes)
    cdef _server_said(self, bytes payload, list out)


@cython.locals(piece=bytes, offset=Py_ssize_t)
cdef tuple _message(CryptoStream stream, bytes payload)
