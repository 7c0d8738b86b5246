# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.bittorrent_utp.lane cimport Lane
from backchannel.protocols.bittorrent_utp.wire cimport Packet, read_packet

cdef long long IDS
cdef object _CLIENT, _SERVER
cdef int _DATA, _FIN, _RESET, _SYN
cdef Py_ssize_t _NO_SYN, _LAST


cdef class _Connection:
    cdef readonly object opener
    cdef readonly Py_ssize_t id
    cdef readonly str channel
    cdef readonly list lanes
    cdef public Py_ssize_t syn
    cdef public object open
    cdef readonly bint begun
    cdef public bint told

    cpdef side(self, sender)


cdef class Session(Decoder):
    cdef object _far
    cdef dict _connections
    cdef list _ids, _over
    cdef bint _table

    @cython.locals(packet=Packet, out=list, connection=_Connection, mine=Lane, theirs=Lane)
    cpdef list feed(self, side, bytes data)
    cpdef list gap(self, side, Py_ssize_t size)
    cpdef list end(self, side)
    @cython.locals(
        number=Py_ssize_t, opened=Py_ssize_t, known=_Connection, other=_Connection, made=_Connection
    )
    cdef _Connection _connection(self, side, Packet packet, list out)
    @cython.locals(theirs=list, before=Py_ssize_t)
    cdef _Connection _joined(self, side, Py_ssize_t number, list out)
    @cython.locals(made=_Connection)
    cdef _Connection _make(self, opener, Py_ssize_t number, list out, bint begun)
    @cython.locals(sent=Lane, received=Lane)
    cdef _close(self, _Connection connection, str how, list out)
    cdef _say(self, _Connection connection, who, list parts, list out)
    cdef _open(self, str channel, bint inbound=*, bint datagrams=*)
    cdef list _other(self, side, bytes data)
