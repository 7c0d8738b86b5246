# C types for logins.py, which says what these are.

cimport cython

from backchannel.protocols.packed cimport marked, unmarked
from backchannel.protocols.stun.wire cimport Message, error_code, signed

cdef long long INTEGRITY, INTEGRITY_SHA256, LONGEST, MARK, NONCE, PAIRS, REALM, REQUEST
cdef long long SUCCESS, USERNAME


cdef class Logins:
    cdef readonly str account, realm
    cdef bytes _seen, _asked
    cdef bint _answered

    @cython.locals(user=str, realm=str, seen=bytes)
    cpdef list ask(self, Message message, bytes data)
    @cython.locals(code=bytes)
    cdef list _credential(self, Message message, bytes data)
    @cython.locals(code=int, accepted=bint, asked=bytes)
    cpdef list answer(self, Message message)
