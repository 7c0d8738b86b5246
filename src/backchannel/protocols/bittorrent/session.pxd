# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.bittorrent.extensions cimport Extensions
from backchannel.protocols.bittorrent.pieces cimport Bits
from backchannel.protocols.bittorrent.wire cimport Lane
from backchannel.reader cimport u32_at

cdef long long KINDS
cdef object _PARSED, _CLIENT
cdef tuple _NAMES
cdef int _HANDSHAKE, _MESSAGE, _BLOCK, _CHUNK
cdef int _KEEP_ALIVE, _HAVE, _BITFIELD, _REQUEST, _PORT, _HAVE_ALL, _EXTENDED
cdef Py_ssize_t _OPEN


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
    cdef tuple _ends
    cdef list _peers, _names
    cdef Extensions _extensions
    cdef object _content, _recall
    cdef Py_ssize_t _sealed
    cdef bint _first

    @cython.locals(out=list, room=Py_ssize_t)
    cpdef list feed(self, side, bytes data)
    @cython.locals(peer=_Peer)
    cpdef list gap(self, side, Py_ssize_t size)
    @cython.locals(peer=_Peer)
    cpdef list end(self, side)
    @cython.locals(peer=_Peer, lane=Lane, found=int)
    cdef _read(self, side, bytes data, list out)
    @cython.locals(peer=_Peer)
    cdef _seal(self)
    cdef list _give_up(self)
    @cython.locals(lane=Lane)
    cdef _item(self, side, _Peer peer, int found, list out)
    cdef _handshake(self, side, _Peer peer, bytes body, list out)
    @cython.locals(name=str)
    cdef _message(self, side, _Peer peer, int kind, bytes body, list out)
    @cython.locals(other=_Peer)
    cdef _has(self, side, _Peer peer, Py_ssize_t piece)
    cdef _asks(self, side)
    cdef list _listens(self, side, Py_ssize_t port)
    cdef _extended(self, side, str name, bytes body, list out)
    cdef _know(self, info)


cdef bint _full(bytes bits) except -1
