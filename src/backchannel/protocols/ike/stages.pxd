# C types for stages.py, which says what these are.

cimport cython

from backchannel.protocols.ike.reading cimport Reading
from backchannel.protocols.ike.wire cimport Header, Payload


cpdef list steps(Reading reading, side, list seen)

@cython.locals(header=Header, request=bint, last=Payload, inside=int)
cdef list _step_2(Reading reading, list seen)
