# C types for keys.py, which says what these are.

cimport cython

from backchannel.protocols.aes cimport encrypt_block
from backchannel.protocols.quic.wire cimport Packet


cdef class _Mac:
    cdef bytes _inner, _outer

    @cython.locals(inner=bytes, outer=bytes)
    cpdef bytes digest(self, bytes message)


cdef class _Direction:
    cdef object aead, largest
    cdef bytes iv, masking

    @cython.locals(
        start=Py_ssize_t, at=Py_ssize_t, mask=bytes, first=int, size=int, sent=Py_ssize_t,
        index=int, header=bytes,
    )
    cdef bytes open(self, bytes datagram, Packet packet)


cdef class Keys:
    cdef readonly object version
    cdef readonly bytes connection
    cdef bytes _secret
    cdef list _directions

    @cython.locals(direction=_Direction)
    cpdef bytes open(self, role, bytes datagram, Packet packet)
