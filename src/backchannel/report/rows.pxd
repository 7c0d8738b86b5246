# C types for rows.py, which says what these are.

cimport cython


@cython.final
cdef class Names:
    cdef dict _held
    cdef object _last
    cdef Py_ssize_t _limit

    cpdef add(self, name)
    cpdef tuple sorted(self)


@cython.final
cdef class Tally:
    cdef public long long count


@cython.final
cdef class ServiceRow:
    cdef readonly object confidence, evidence
    cdef readonly Names capabilities, accounts, software, clients, servers
    cdef readonly dict events, exposed
    cdef public long long packets, octets, flow_count
    cdef readonly long long first, last
    cdef readonly bint dated
    cdef public object flow, target

    cpdef seen(self, long long first, long long last)
    @cython.locals(tally=Tally)
    cpdef Tally tally(self, str tag)
    cpdef expose(self, str word)
    cpdef carry(self, flow, target)
    cpdef claim(self, confidence, evidence)


@cython.final
cdef class AccountRow:
    cdef readonly Names names, addresses, disclosed, software, credentials, contacts
    cdef public long long sent, received, sign_ons

    cpdef signed_on(self, address, str program)


@cython.final
cdef class Pairs:
    cdef object _unseen
    cdef dict _counts

    @cython.locals(counts=list)
    cpdef list of(self, service, first, second)
