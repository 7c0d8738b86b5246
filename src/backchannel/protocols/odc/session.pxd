# C types for session.py, which says what these are.

cimport cython

cimport backchannel.protocols.odc.wire as wire
from backchannel.protocols.odc.payload cimport Payload
from backchannel.protocols.oft.peers cimport Lane, PeerSession
from backchannel.protocols.oscar.markup cimport readable
from backchannel.protocols.oscar.wire cimport same


@cython.final
cdef class _Lane(Lane):
    cdef public Payload payload
    cdef public str key, name


cdef class Session(PeerSession):
    cdef object _meeting
    cdef bytes _cookie
    cdef Py_ssize_t _images

    @cython.locals(lane=_Lane, payload=Payload, inside=bint)
    cpdef list gap(self, side, Py_ssize_t size)
    @cython.locals(lane=_Lane)
    cpdef list end(self, side)
    @cython.locals(lane=_Lane, payload=Payload, piece=bytes)
    cdef Py_ssize_t _step(self, side, bytes data, Py_ssize_t at, list out) except -2
    @cython.locals(lane=_Lane)
    cdef _met(self)
    @cython.locals(lane=_Lane, stop=Py_ssize_t, active=bint)
    cdef Py_ssize_t _header(self, side, bytes data, Py_ssize_t at, list out) except -2
    @cython.locals(lane=_Lane, name=str)
    cdef str _recipient(self, side)
    cdef _tell(self, side, _Lane lane, list parts, list out)
    @cython.locals(lane=_Lane)
    cdef _message(self, side, str sent, header, list out)
    cdef _image(self, side, _Lane lane, part)
