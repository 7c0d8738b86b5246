# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.bittorrent cimport wire
from backchannel.protocols.bittorrent.pieces cimport Bits
from backchannel.protocols.bittorrent.wire cimport Block, Chunk, Lane, Message
from backchannel.reader cimport u32_at

cdef object _PARSED


cdef class _Peer:
    cdef readonly Lane lane
    cdef public bytes hash
    cdef readonly dict counts
    cdef public Py_ssize_t uploaded, blocks, taken, has
    cdef readonly Bits sent, claimed
    cdef public bint seeds, asked

    @cython.locals(counts=dict)
    cdef count(self, str name)


cdef class Session(Decoder):
    cdef readonly str service
    cdef tuple _ends
    cdef list _peers, _names
    cdef object _extensions, _content, _recall
    cdef Py_ssize_t _sealed
    cdef bint _first

    @cython.locals(out=list, room=Py_ssize_t)
    cpdef list feed(self, side, bytes data)
    @cython.locals(peer=_Peer)
    cpdef list gap(self, side, Py_ssize_t size)
    @cython.locals(peer=_Peer)
    cpdef list end(self, side)
    @cython.locals(peer=_Peer)
    cdef _read(self, side, bytes data, list out)
    @cython.locals(peer=_Peer)
    cdef _seal(self)
    cdef list _give_up(self)
    @cython.locals(chunk=Chunk, block=Block)
    cdef _item(self, side, _Peer peer, item, list out)
    @cython.locals(other=_Peer)
    cdef _handshake(self, side, _Peer peer, item, list out)
    @cython.locals(kind=int, body=bytes, name=str)
    cdef _message(self, side, _Peer peer, Message item, list out)
    @cython.locals(other=_Peer)
    cdef _has(self, side, _Peer peer, Py_ssize_t piece)
    cdef _asks(self, side)
    cdef list _listens(self, side, Py_ssize_t port)
    cdef _extended(self, side, str name, bytes body, list out)
    cdef _know(self, info)


cdef bint _full(bytes bits) except -1
