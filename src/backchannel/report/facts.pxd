# C types for facts.py, which says what these are.

cimport cython

from backchannel.report.associations cimport Associations
from backchannel.report.rows cimport AccountRow, Pairs, ServiceRow
from backchannel.report.tunnels cimport Tunnels
from backchannel.when cimport rfc3339


cdef object _CLIENT


cdef class Facts:
    cdef object _anomalies, _disclosure, _unseen
    cdef Associations _associations
    cdef dict _accounts, _addresses, _nameless, _secrets
    cdef list _files
    cdef Pairs _talks
    cdef readonly Tunnels tunnels

    @cython.locals(key=tuple, found=AccountRow)
    cdef AccountRow _account(self, seen, str name)
    @cython.locals(account=AccountRow)
    cpdef ended(self, stream)
    @cython.locals(account=AccountRow, program=str)
    cpdef _sign_on(self, seen, event, ServiceRow row)
    @cython.locals(account=AccountRow, key=tuple, hide=bint)
    cpdef _credential(self, seen, event, ServiceRow row)
    @cython.locals(account=AccountRow, counts=list)
    cpdef _message(self, seen, event, ServiceRow _row)
    @cython.locals(account=AccountRow)
    cpdef _contacts(self, seen, event, ServiceRow _row)
    @cython.locals(account=AccountRow)
    cpdef _profile(self, seen, event, ServiceRow _row)
    @cython.locals(account=AccountRow, text=str)
    cpdef _software(self, seen, event, ServiceRow row)
    @cython.locals(counts=list)
    cpdef _transfer(self, seen, event, ServiceRow row)
    @cython.locals(account=AccountRow, key=tuple)
    cpdef _peer_address(self, seen, event, ServiceRow _row)
    cpdef _stage(self, seen, event, ServiceRow _row)
    cpdef _nat(self, seen, event, ServiceRow _row)
    cpdef _esp(self, seen, event, ServiceRow _row)
    cpdef _keepalive(self, seen, event, ServiceRow _row)
    cpdef _proxy_request(self, seen, event, ServiceRow _row)
    cpdef _proxy_answer(self, seen, event, ServiceRow _row)


cdef str _near(seen)
