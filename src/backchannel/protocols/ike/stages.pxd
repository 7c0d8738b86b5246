# C types for stages.py, which says what these are.

cimport cython

from backchannel.protocols.ike.association cimport Association
from backchannel.protocols.ike.reading cimport Reading
from backchannel.protocols.ike.wire cimport Header, Payloads

cdef long long KEPT_QUICK
cdef int AGGRESSIVE, AUTH, AUTHIP_MAIN, AUTHIP_QUICK, BASE, CREATE_CHILD, DELETE, HASH_1
cdef int INFORMATIONAL, INTERMEDIATE, MAIN, NOTIFY, QUICK, SA_INIT, SESSION_RESUME, SK, SKF, _ALONE


cpdef steps(Reading reading, Payloads seen)

@cython.locals(
    header=Header, association=Association, request=bint, inside=int, alone=bint, later=bint,
)
cdef _step_2(Reading reading, Payloads seen)
@cython.locals(header=Header)
cdef bint _shows_up(Reading reading, Payloads seen, int inside) except -1
cdef bint _ends(Association association, int side, message_id) except -1
@cython.locals(header=Header, association=Association)
cdef _step_1(Reading reading, Payloads seen)
cdef _part(Association association, int side, message_id)
cdef _quick(Association association, int side, message_id)
