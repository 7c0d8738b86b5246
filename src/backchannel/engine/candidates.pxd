# C types for candidates.py, which says what these are.

cimport cython
from backchannel.engine.known cimport Known
from backchannel.engine.stream cimport Stream

cdef Py_ssize_t LONGEST


cdef class Candidates:
    cdef object _core, _fault
    cdef list _all, _alike
    cdef dict _by_name, _by_bit, _by_port
    cdef unsigned long long _context

    cpdef Known known(self, str name)
    @cython.locals(bit="unsigned long long", alike="unsigned long long")
    cpdef unsigned long long unmatched(self, unsigned long long hits) except? 0
    @cython.locals(client=bytes, server=bytes, sides=int, wanted="unsigned long long")
    cpdef ask(self, Stream stream, bint last=*)
    @cython.locals(known=Known)
    cdef _decide(self, Stream stream, unsigned long long wanted, peek)
    @cython.locals(alone=Known, known=Known, whole=bint, hits="unsigned long long")
    cdef _match(self, Stream stream, int side, bytes payload)
    @cython.locals(known=Known, transport=str)
    cdef _look_up(self, Stream stream)
