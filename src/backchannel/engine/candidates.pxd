# C types for candidates.py, which says what these are.

cimport cython
from backchannel.engine.stream cimport Stream


cdef class Candidates:
    cdef object _core, _protocols, _fault
    cdef list _names
    cdef dict _recognise, _context, _excluded, _by_port
    cdef object _all_context

    cpdef look_at_ports(self)
    cpdef unmatched(self, hits)
    @cython.locals(candidates=dict, client=bytes, server=bytes, sides=int, first=list, wanted=list)
    cpdef ask(self, Stream stream)
    cdef _decide(self, Stream stream, list names, peek, int sides)
    @cython.locals(candidates=dict)
    cdef _match(self, Stream stream, int side)
    cdef _ask(self, str name, peek)
