# C types for service.py, which says what these are.

cimport cython

cimport backchannel.protocols.oscar.people as people
cimport backchannel.protocols.oscar.signon as signon
cimport backchannel.protocols.oscar.wire as wire
from backchannel.protocols.bounded cimport remember
from backchannel.protocols.oscar.state cimport State
from backchannel.protocols.oscar.wire cimport Snac, UserInfo
from backchannel.reader cimport Reader


@cython.locals(values=dict)
cpdef service_redirect(State state, Reader reader, Snac snac, list out)
@cython.locals(name=str, info=UserInfo)
cpdef own_info(State state, Reader reader, Snac _snac, list out)
@cython.locals(values=dict)
cpdef set_status(State state, Reader reader, Snac _snac, list out)
