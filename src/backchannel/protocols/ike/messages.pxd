# C types for messages.py, which says what these are.

cimport cython

from backchannel.protocols.ike cimport notifies
from backchannel.protocols.ike.association cimport Association
from backchannel.protocols.ike.reading cimport Reading
from backchannel.protocols.ike.wire cimport Header, Payload


@cython.locals(payload=Payload, told=list)
cpdef list read(Reading reading, list payloads)

@cython.locals(header=Header, association=Association, chosen=bint, aggressive=bint)
cpdef list _security_association(Reading reading, Payload payload)
@cython.locals(version=int, number=int, error=bint, told=list)
cpdef list _notify(Reading reading, Payload payload)
cdef _consequence(Reading reading, int number, bytes data, str detail, list told)
@cython.locals(header=Header)
cdef _nat_hash(Reading reading, bytes value, bint of_sender)
cpdef list _keep(Reading reading, str name, Payload payload)
