# C types for calls.py, which says what these are.

cimport cython

from backchannel.protocols.rtp.session cimport Session as Media
from backchannel.protocols.rtp.wire cimport is_packet

cdef long long _CLIENT_HELLO, _HANDSHAKE, _USE_SRTP, _VERSIONS_EXTENSION
cdef bytes ZRTP


@cython.locals(octets="const unsigned char *", size=Py_ssize_t)
cpdef str kind_of(bytes data)


cdef class Calls:
    cdef tuple _accounts
    cdef str _service
    cdef Media _media
    cdef int _told

    @cython.locals(kind=str, told=list, heard=list, bit=int)
    cpdef list add(self, side, bytes data)
    cpdef list end(self, side)
    cpdef list leave(self, side)
