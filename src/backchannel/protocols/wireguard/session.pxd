# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.esp.sequence cimport Sequence
from backchannel.protocols.wireguard.wire cimport Disco, Message, index, read

cdef long long ATTEMPTS, INITIATION, KEEPALIVE, KEEPALIVES, PROOF, STRIKES
cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER


cdef class _Key:
    cdef readonly Sequence sequence
    cdef public Py_ssize_t keepalives
    cdef public bint told


cdef class Session(Decoder):
    cdef tuple _addresses
    cdef readonly tuple _asked, _keys
    cdef list _attempts, _reserved, _keepalives, _nodes
    cdef bint _keyed, _cut_short
    cdef Py_ssize_t _told_nodes, _follows, _strange, _data

    cpdef list feed(self, side, bytes data)
    cpdef list end(self, side)
    @cython.locals(asked=list)
    cdef list _handshake(self, side, Message message)
    @cython.locals(asked=list)
    cdef list _initiation(self, side, Message message)
    @cython.locals(reserved=bytes)
    cdef _stage(self, str stage, initiator, asked, answered=*)
    cdef _tie(self, owner, number)
    @cython.locals(keys=dict, key=_Key, out=list)
    cdef list _datum(self, side, Message message)
    @cython.locals(keys=dict, key=_Key)
    cdef _Key _begin(self, side, Message message, list out)
    @cython.locals(out=list, key=_Key)
    cdef list _introduce(self, side)
    @cython.locals(out=list)
    cdef list _enough(self)
    @cython.locals(keys=dict, key=_Key)
    cdef list _sums(self, side, str state)
    @cython.locals(out=list)
    cdef list _disco(self, side, Disco message)
    cdef list _foreign(self)


@cython.locals(sequence=Sequence)
cdef _figures(str state, number, _Key key)
