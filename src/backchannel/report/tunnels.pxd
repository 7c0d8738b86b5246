# C types for tunnels.py, which says what these are.

cimport cython

from backchannel.report.rows cimport Names
from backchannel.text cimport endpoint
from backchannel.when cimport rfc3339

cdef long long FEW


@cython.final
cdef class TunnelRow:
    cdef readonly tuple user
    cdef readonly str host
    cdef readonly object port, frame
    cdef readonly dict answers
    cdef readonly Names accounts, commands, inside, names, services
    cdef long long first, last, octets
    cdef Py_ssize_t asked, granted, refused

    cdef seen(self, long long time)
    cpdef TunnelRow again(self)
    cdef done(self)


cdef class Tunnels:
    cdef object _unseen, _open
    cdef dict _users
    cdef Py_ssize_t _rows

    @cython.locals(row=TunnelRow)
    cpdef asked(self, seen, event)
    @cython.locals(row=TunnelRow)
    cpdef answered(self, seen, event)
    @cython.locals(row=TunnelRow)
    cpdef named(self, seen, event, target)
    @cython.locals(row=TunnelRow)
    cpdef ended(self, stream)
    @cython.locals(told=list, rows=dict, row=TunnelRow)
    cpdef tuple document(self)
    @cython.locals(rows=dict, row=TunnelRow, where=str)
    cdef TunnelRow _row(self, seen, str scheme, str host, port)
    @cython.locals(rows=dict, key=tuple)
    cdef TunnelRow _listed(self, TunnelRow row)


@cython.locals(stack=str)
cdef tuple _below(seen, str host, port)
cdef tuple _inside(serial, str stack, target)
