# C types for datagram.py, which says what these are.

cimport cython

from backchannel.protocols.esp.flow cimport plausible
from backchannel.protocols.ike.wire cimport Header, read_header

cdef bytes _MARKER, _NON_IKE
cdef int _WESP
cdef tuple _NOTHING, _ESP_AT_0, _ESP_AT_8, _ALIVE


@cython.locals(header=Header, octets="const unsigned char *")
cpdef tuple classify(bytes data, bint cut=*)
cdef tuple _marked(bytes data, bint cut)
