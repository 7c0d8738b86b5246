# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.openvpn.channel cimport Channel
from backchannel.reader cimport cut, cut_buffer
from backchannel.protocols.openvpn.wire cimport Control, Data, opcode_of, read_control, read_data

cdef long long CHANNELS, DATA_V1, DATA_V2, HANDSHAKES, NO_PEER, PROOF, SOFT_RESET, STRIKES
cdef long long WINDOW
cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER


cdef class _Half:
    cdef readonly bytes session
    cdef readonly Py_ssize_t attempts, packets, octets, number
    cdef readonly int version, peer
    cdef readonly list keys
    cdef readonly bytearray buffer
    cdef readonly bint deaf
    cdef bint aligned

    @cython.locals(buffer=bytearray, size=Py_ssize_t)
    cdef bytes cut(self)
    cpdef lose(self)
    cpdef traffic(self, str state)


cdef class Session(Decoder):
    cdef bint _tcp, _opened, _answered
    cdef tuple _halves
    cdef object _shape, _joined
    cdef int _key
    cdef Channel _channel
    cdef Py_ssize_t _channels, _told, _follows, _strange, _data

    cpdef list feed(self, side, bytes data)
    @cython.locals(told=list, first=_Half, second=_Half)
    cpdef list gap(self, side, Py_ssize_t size)
    @cython.locals(half=_Half, told=list)
    cpdef list end(self, side)
    @cython.locals(half=_Half, told=list, packet=bytes)
    cdef list _stream(self, side, bytes data)
    @cython.locals(opcode=int)
    cdef list _packet(self, side, bytes data)
    @cython.locals(half=_Half, session=bytes, told=list)
    cdef list _client_reset(self, side, bytes data)
    cdef list _begin(self)
    @cython.locals(half=_Half, other=_Half, remote=bytes, told=list, fresh=bint)
    cdef list _server_reset(self, side, bytes data)
    @cython.locals(half=_Half, other=_Half, packet=Control, key=int, fresh=bint)
    cdef list _control(self, side, bytes data)
    @cython.locals(half=_Half)
    cdef list _join(self, side, _Half half, bytes data)
    @cython.locals(half=_Half, packet=Data, told=list, same=bint)
    cdef list _datum(self, side, bytes data)
    cdef list _introduce(self)
    @cython.locals(half=_Half)
    cdef list _foreign(self, side)
    cdef list _tell(self, str stage, _Half half, bytes remote=*)
    cdef _stage(self, str stage, _Half half, bytes remote=*)
    cdef _tie(self, bytes session)
    cdef list _close(self)
    cdef list _leave(self)
