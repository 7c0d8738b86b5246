# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.mtproto.obfuscation cimport Cipher
from backchannel.protocols.mtproto.wire cimport Frame, Frames, read_message, read_opening

cdef long long TEST
cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER


cdef class _Half:
    cdef Frames frames
    cdef Cipher cipher
    cdef str key


cdef class Session(Decoder):
    cdef bytearray _first
    cdef object _opening
    cdef _Half _client, _server
    cdef Py_ssize_t _seen
    cdef tuple _told

    cpdef list feed(self, side, bytes data)
    cdef bytes _open(self, side, bytes data, list told)
    cdef _Half _half(self, side)
    @cython.locals(half=_Half, frames=Frames, frame=Frame)
    cdef _read(self, side, bytes data, list told)
    cdef _message(self, side, _Half half, message, list told)
    @cython.locals(client=_Half, server=_Half)
    cdef _key(self, str key, list told)
