# C types for krpc.py, which says what these are.

cimport cython

cimport backchannel.protocols.bencode as bencode


@cython.locals(top=dict, name=bytes)
cpdef read_message(bytes data)
cdef str _error(dict top)
