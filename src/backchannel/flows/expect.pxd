# C types for expect.py, which says what these are.

cimport cython


cdef class Expectation:
    cdef public long long token, until
    cdef public tuple key
    cdef public str source

    cpdef bint admits(self, str source, long long time) except -1


cdef class Expectations:
    cdef object _count, _watch
    cdef dict _all, _by_key, _by_token
    cdef long long _limit, _made

    @cython.locals(same=dict, named=set)
    cpdef Expectation add(self, long long token, tuple key, str source, until)
    cpdef forget(self, token)
    @cython.locals(same=dict, made=Expectation, found=set)
    cpdef list match(self, str transport, str source, str address, port, long long time)
    @cython.locals(same=dict, made=Expectation, named=set)
    cdef _remove(self, number)


cpdef str normal(str address)
@cython.locals(digits=int, dots=int, char=Py_UCS4, first=Py_UCS4, second=Py_UCS4)
cpdef bint dotted(str address) except -1
cdef bint _below_56(Py_UCS4 tens, Py_UCS4 ones)
