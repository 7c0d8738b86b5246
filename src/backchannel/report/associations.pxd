# C types for associations.py, which says what these are.

cimport cython

from backchannel.when cimport rfc3339

cdef long long FEW, _SECOND
cdef object _CLIENT
cdef dict _CROSSED, _ENDS
cdef frozenset _ATTEMPTS, _BEGINNING, _FAILURES
cdef str _ANSWERED, _REFUSED, _SILENT


cdef tuple _ends(seen)


@cython.final
cdef class Way:
    cdef Py_ssize_t packets, missing, replayed
    cdef long long octets

    cdef add(self, told)
    cdef done(self)


@cython.final
cdef class AssociationRow:
    cdef readonly str client, server, service
    cdef public str failure, behind_nat
    cdef public tuple claimed
    cdef readonly dict stages
    cdef readonly set ports
    cdef public set spis
    cdef readonly object frame
    cdef public long long first, last
    cdef readonly Way out, back
    cdef str _begun, _up
    cdef bint _granted
    cdef int _versions
    cdef long long spaced, _then
    cdef Py_ssize_t keepalives, spaces, _serial, _side, _count

    @cython.locals(client=str, server=str, sender=str)
    cdef bint near(self, seen) except -1
    @cython.locals(granted=bint, late=bint)
    cdef stage(self, int version, str spi, str stage, str detail)
    cdef heard_from(self, port)
    cdef keepalive(self, seen, Py_ssize_t count)
    cdef done(self)


cdef class Associations:
    cdef object _unseen
    cdef dict _rows
    cdef tuple _latest
    cdef Py_ssize_t _spis

    @cython.locals(row=AssociationRow)
    cpdef stage(self, seen, told)
    @cython.locals(row=AssociationRow)
    cpdef nat(self, seen, told)
    @cython.locals(row=AssociationRow)
    cpdef traffic(self, seen, told)
    @cython.locals(row=AssociationRow)
    cpdef keepalive(self, seen, told)
    @cython.locals(told=list, row=AssociationRow)
    cpdef tuple document(self)
    @cython.locals(latest=tuple, row=AssociationRow, found=AssociationRow, time="long long")
    cdef AssociationRow _row(self, seen)
    @cython.locals(first=str, second=str, key=tuple, row=AssociationRow)
    cdef AssociationRow _find(self, seen)
