# C types for ended.py, which says what these are.

cimport cython
from backchannel.engine.logins cimport Group
from backchannel.engine.stream cimport Stream


cdef Py_ssize_t COMPARED


@cython.locals(group=Group, named=tuple)
cpdef ended(Stream stream, long long packets, long long octets, long long first, long long last)
@cython.locals(found=set, number=Py_ssize_t, protocol=str, last=str)
cdef tuple _tied(Group group)
