# C types for logins.py, which says what these are.


cdef class Group:
    cdef public str service, account
    cdef public dict flows
    cdef public long long first, last
    cdef public Group into

    cpdef Group root(self)
    cpdef bint add(self, long long serial) except -1
    cpdef absorb(self, Group other)
