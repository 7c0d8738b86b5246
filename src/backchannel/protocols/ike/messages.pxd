# C types for messages.py, which says what these are.

cimport cython

cimport backchannel.protocols.ike.notifies as notifies
cimport backchannel.protocols.ike.proposals as proposals
cimport backchannel.protocols.ike.registry as registry
from backchannel.protocols.ike.association cimport Association
from backchannel.protocols.ike.proposals cimport Offer
from backchannel.protocols.ike.reading cimport Reading
from backchannel.protocols.ike.wire cimport Header, Payloads

cdef long long PARTS, _KEY_HASH, _MAX_NAMES, _MAX_SPIS, _PASSCODE, _PASSWORD, _USER_NAME
cdef list _PAYLOADS_1, _PAYLOADS_2
cdef int _VENDOR_ID_1, _VENDOR_ID_2
cdef int AGGRESSIVE, MAIN
cdef int COOKIE, INVALID_KE, NAT_DESTINATION, NAT_SOURCE, REDIRECT


@cython.locals(table=list)
cpdef read(Reading reading, Payloads payload)

@cython.locals(
    header=Header, association=Association, chosen=bint, aggressive=bint, read=Offer, weak=tuple
)
cpdef _security_association(Reading reading, Payloads payload)
@cython.locals(
    version=int, number=int, error=bint, at=Py_ssize_t, begin=Py_ssize_t, end=Py_ssize_t,
    octets="const unsigned char *",
)
cpdef _notify(Reading reading, Payloads payload)
cdef _consequence(Reading reading, int number, str detail)
cdef _nat_hash(Reading reading, bytes value, bint of_sender)
cpdef _nat_discovery(Reading reading, Payloads payload)
cpdef _vendor_id(Reading reading, Payloads payload)
@cython.locals(kind=int)
cdef _vendor_events(Reading reading, Payloads payload)
cdef _keep(Reading reading, str name, Payloads payload)
cdef _credential(Reading reading)
