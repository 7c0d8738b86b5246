# C types for community.py, which says what these are.

cimport cython
from backchannel.hashes cimport sha1


cdef dict _PAIRS
cdef frozenset _HASHED
cdef list _PROTOCOL
cdef int _ZERO

cpdef tuple icmp_ports(protocol, kind, code)
@cython.locals(one=bytes, other=bytes)
cpdef str flow_id(protocol, client, server, types)
@cython.locals(ports=bytes, digest=bytes)
cpdef str community_id(protocol, bytes client, bytes server, sport, dport)
@cython.locals(packed="unsigned int", number="unsigned int", char=Py_UCS4)
cdef bytes _packed(str address)
