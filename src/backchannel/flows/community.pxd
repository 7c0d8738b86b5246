# C types for community.py, which says what these are.

cimport cython


cdef dict _PAIRS
cdef frozenset _HASHED
cdef list _PROTOCOL

cpdef tuple icmp_ports(protocol, kind, code)
@cython.locals(one=bytes, other=bytes)
cpdef str flow_id(protocol, client, server, types)
@cython.locals(ports=bytes)
cpdef str community_id(protocol, bytes client, bytes server, sport, dport)
cdef bytes _packed(str address)
