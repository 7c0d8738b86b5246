# C types for candidates.py, which says what these are.

from backchannel.engine.stream cimport Stream
from backchannel.identify.decide cimport decide


cdef class Candidates:
    cdef object _core, _protocols, _fault
    cdef list _names
    cdef dict _recognise, _context, _excluded, _by_port
    cdef object _all_context

    cpdef look_at_ports(self)
    cpdef unmatched(self, hits)
    cpdef ask(self, Stream stream)
    cdef _match(self, Stream stream, int side)
    cpdef _ask(self, str name, peek)
