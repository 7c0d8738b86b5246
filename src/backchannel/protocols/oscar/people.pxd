# C types for people.py, which says what these are.

cimport cython

cimport backchannel.protocols.oscar.wire as wire
from backchannel.protocols.bounded cimport remember
from backchannel.protocols.oscar.state cimport State
from backchannel.protocols.oscar.wire cimport UserInfo, compressed
from backchannel.reader cimport u32_at


cdef bytes _FOURTH
cdef dict _MARKS


cpdef arrival(State state, UserInfo info, str how, list out)
@cython.locals(key=str, status=str, text=str)
cpdef presence(State state, str account, tuple told, list out)
@cython.locals(flags=Py_ssize_t, kind=bytes)
cpdef tuple status_of(dict values)
@cython.locals(
    begin=Py_ssize_t, at=Py_ssize_t, kind=int, size=Py_ssize_t, end=Py_ssize_t, value=bytes
)
cpdef str status_text(bytes block)
@cython.locals(external=str, inside=str, block=bytes)
cpdef addresses(State state, UserInfo info, str how, list out)
@cython.locals(key=str)
cdef bint _address(State state, str account, tuple place, str how, list out) except -1
@cython.locals(
    at=Py_ssize_t, last=Py_ssize_t, octets="const unsigned char *", fourth="const unsigned char *",
    mark=bytes, name=str,
)
cpdef programs(State state, str account, bytes capabilities, list out)
cdef str _numbers(bytes capabilities, Py_ssize_t at)
cdef _program(State state, str account, str name, str version, list out)
