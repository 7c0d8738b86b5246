# C types for datagram.py, which says what these are.

from backchannel.protocols.ike.wire cimport Header, read_header


cpdef tuple classify(bytes data, bint cut=*)
cdef tuple _marked(bytes data, bint cut)
