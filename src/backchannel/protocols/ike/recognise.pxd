# C types for recognise.py, which says what these are.

cimport cython

from backchannel.protocols.esp.cleartext cimport inside
from backchannel.protocols.esp.flow cimport number, plausible, possible
cimport backchannel.protocols.ike.registry as registry
from backchannel.protocols.ike.datagram cimport classify
from backchannel.protocols.ike.wire cimport Header, read_header

cdef long long FRAME_HEADER
cdef int AGGRESSIVE, BASE, HEADER, MAIN, SA_INIT, EARLY, RANDOM_SIZE, STUB


@cython.locals(kinds=list, usual=bint, data=bytes, header=Header, offset=int)
cdef _datagrams(peek)
cdef _claim_ike(peek, side, Header header, str where)
@cython.locals(first=bint, client=bint, server=bint)
cdef bint _initiator_known(peek, Header header) except -1
cdef bint _by_responder(Header header) except -1
cdef bint _usual(peek) except -1
@cython.locals(data=bytes)
cdef bint _may_be_esp(peek, bint usual) except -1
@cython.locals(data=bytes)
cdef bint _may_be_cut(peek) except -1
cdef bint _mixed(bytes data) except -1
cpdef int needed(bint usual) except -1
