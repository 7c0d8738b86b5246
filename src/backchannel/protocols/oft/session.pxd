# C types for session.py, which says what these are.

cimport cython

cimport backchannel.protocols.oft.wire as wire
from backchannel.protocols.oft.peers cimport Lane, PeerSession
from backchannel.protocols.oft.wire cimport Checksum


cdef Py_ssize_t LISTING_LIMIT


@cython.final
cdef class _File:
    cdef object header
    cdef str key
    cdef Py_ssize_t at, size
    cdef Checksum sum
    cdef bint whole
    cdef bytearray listing

    cdef take(self, bytes piece)
    cdef verified(self)


@cython.final
cdef class _Lane(Lane):
    cdef public object offer, wanted
    cdef public _File file


cdef class Session(PeerSession):
    cdef object _parties
    cdef Py_ssize_t _files

    @cython.locals(lane=_Lane, file=_File)
    cpdef list gap(self, side, Py_ssize_t size)
    @cython.locals(lane=_Lane)
    cpdef list end(self, side)
    @cython.locals(lane=_Lane)
    cdef Py_ssize_t _step(self, side, bytes data, Py_ssize_t at, list out) except -2
    cdef _met(self)
    @cython.locals(lane=_Lane, look=bytes)
    cdef Py_ssize_t _header(self, side, bytes data, Py_ssize_t at, list out) except -2
    @cython.locals(stop=Py_ssize_t)
    cdef Py_ssize_t _take(self, side, bytes data, Py_ssize_t at, list out) except -2
    @cython.locals(lane=_Lane, other=_Lane, kind=int)
    cdef _told(self, side, header, list out)
    @cython.locals(file=_File)
    cdef _open(self, _Lane lane, header, list out)
    @cython.locals(piece=bytes)
    cdef Py_ssize_t _data(
        self, _Lane lane, _File file, bytes data, Py_ssize_t at, list out
    ) except -2
    cdef _close(self, _Lane lane, _File file, list out)
