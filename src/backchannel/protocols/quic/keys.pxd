# C types for keys.py, which says what these are.

cimport cython

from backchannel.protocols.aes cimport encrypt_block
from backchannel.hashes cimport Mac
from backchannel.protocols.quic.wire cimport Packet

cdef long long SAMPLED, TAG


cdef long long _NUMBERS


cdef class _Direction:
    cdef object aead
    cdef bytes iv, masking
    cdef long long largest

    @cython.locals(
        octets="const unsigned char *", start=Py_ssize_t, at=Py_ssize_t, end=Py_ssize_t,
        sampled=Py_ssize_t, body=Py_ssize_t, mask=bytes, masked="const unsigned char *", first=int,
        size=int, index=int, octet=int, sent="long long", number="long long", header=bytearray,
        nonce=bytearray,
    )
    cdef bytes open(self, bytes datagram, Packet packet)


@cython.locals(window="long long", found="long long")
cdef long long _whole(long long number, int size, long long expected) except? -1


cdef class Keys:
    cdef readonly object version
    cdef readonly bytes connection
    cdef bytes _secret
    cdef list _directions

    @cython.locals(direction=_Direction)
    cpdef bytes open(self, role, bytes datagram, Packet packet)
