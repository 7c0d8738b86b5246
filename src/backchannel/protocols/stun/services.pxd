# C types for services.py, which says what these are.

cimport cython

from backchannel.protocols.stun.wire cimport Message, has_cookie

cdef long long ALLOCATE, BINDING, HEADER, INDICATION, MOST, REALM, REQUEST
cdef long long REQUESTED_TRANSPORT, SUCCESS
cdef unsigned long long _VERSION_BIT
cdef int _ICE_VERSION, _TURN_VERSION, _TOKEN, _RELAYED, _OF_SKYPE, _OF_TEAMS, _DATA


@cython.locals(method=int, realm=bytes)
cpdef owner(Message message)
cpdef str vendor(Message message)
@cython.locals(
    octets="const unsigned char *", size=Py_ssize_t, first=int, second=int, kind=int, version=int,
    token=bint, length=Py_ssize_t,
)
cpdef read_unpadded(bytes data)
@cython.locals(
    octets="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t, version=int, left=int, name=int,
    length=Py_ssize_t,
)
cdef int _turn_version(bytes data) except -1
@cython.locals(octets="const unsigned char *", size=Py_ssize_t)
cpdef bint is_multiplexed(bytes data) except -1
