# C types for found.py, which says what these are.

cimport cython
from backchannel.flows.community cimport flow_id
from backchannel.hashes cimport sha256
from backchannel.text cimport endpoint, escape
from backchannel.when cimport rfc3339

cdef Py_ssize_t ALIKE, EVIDENCE, EXCERPT, HOSTS, LOOKED_AT


@cython.final
@cython.no_gc
cdef class Place:
    cdef readonly long long time, frame
    cdef readonly object flow
    cdef readonly str stack, excerpt


cdef class Writer


@cython.final
cdef class Found:
    cdef readonly str service, capability, summary
    cdef readonly tuple subject
    cdef readonly dict hosts, accounts
    cdef readonly list places
    cdef readonly object confidence
    cdef readonly long long count, first, last
    cdef public long long told
    cdef object flow
    cdef long _alike

    cpdef bint add(self, long long time, confidence, flow, tuple accounts, tuple hosts=*)
    @cython.locals(place=Place)
    cpdef bint shown(self, flow, str excerpt)
    @cython.locals(subject=tuple, digest=bytes)
    cpdef finding(self, rule, Writer writer)


@cython.final
cdef class Writer:
    cdef object _locate
    cdef str _path
    cdef long long _first, _end
    cdef dict _flows
    cdef object _rule
    cdef tuple _of_rule

    cpdef tuple of_rule(self, rule)
    @cython.locals(told=list, place=Place, frame="long long", community_id=str, client=str, server=str)
    cpdef tuple evidence(self, places)
    @cython.locals(known=tuple)
    cdef tuple _flow(self, flow)


cpdef str brief(str text)
cdef _keep(dict names, more)
