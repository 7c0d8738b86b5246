# C types for profiles.py, which says what these are.

cimport cython

cimport backchannel.protocols.oscar.people as people
cimport backchannel.protocols.oscar.wire as wire
from backchannel.protocols.bounded cimport remember
from backchannel.protocols.oscar.state cimport State
from backchannel.protocols.oscar.wire cimport Snac, UserInfo
from backchannel.reader cimport Reader


cdef int ENTRIES


@cython.locals(values=dict)
cpdef set_info(State state, Reader reader, Snac _snac, list out)
@cython.locals(who=UserInfo, values=dict)
cpdef info(State state, Reader reader, Snac _snac, list out)
cpdef arrived(State state, Reader reader, Snac _snac, list out)
cpdef departed(State state, Reader reader, Snac _snac, list out)
