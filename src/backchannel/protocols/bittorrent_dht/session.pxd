# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.bittorrent_utp.wire cimport payload_at


cdef class _Node:
    cdef public bytes id, version
    cdef readonly dict counts, pending
    cdef public Py_ssize_t nodes, samples, unasked
    cdef public object stored
    cdef public bint read_only, foreign

    @cython.locals(counts=dict)
    cpdef count(self, str name)


cdef class Session(Decoder):
    cdef tuple _ends
    cdef list _nodes
    cdef set _told
    cdef Py_ssize_t _left
    cdef bint _carries, _summary

    @cython.locals(node=_Node, told=list)
    cpdef list feed(self, side, bytes data)
    cpdef list gap(self, side, Py_ssize_t size)
    @cython.locals(node=_Node)
    cpdef list end(self, side)
    @cython.locals(first=bint)
    cdef list _foreign(self, side, _Node node, bytes data, str reason)
    cdef bint _is_new(self, str what, str address=*, port=*) except -1
    @cython.locals(version=bytes)
    cdef list _introduced(self, _Node node, message)
    @cython.locals(body=dict)
    cdef list _query(self, side, _Node node, message)
    cdef list _search(self, str found, str account, dict body)
    cdef list _announce(self, end, str found, str account, dict body)
    @cython.locals(other=_Node, told=list, body=dict, found=str)
    cdef list _reply(self, side, _Node node, message)
    @cython.locals(outside=bytes)
    cdef list _seen_as(self, asker, message, asked)
    @cython.locals(told=list)
    cdef list _peers(self, asker, str found, dict body)
    cdef list _counted(self, str found, dict body)


@cython.locals(value=bytes)
cdef str _hash(dict body, bytes key)
cdef _item(str action, dict body, str target)
cdef str _words(bytes data)
