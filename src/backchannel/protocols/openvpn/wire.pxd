# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport Reader, u32_at

cdef long long CLIENT_RESET_V3, MOST_ACKS, _FIRST_IDS, _LEAST
cdef int _LAST
cdef Py_ssize_t _OPENING, _REPLAY, _TAG, _CRYPT, _BODY, _SHORTEST_DATA


cdef class Control:
    cdef readonly tuple acks
    cdef readonly bytes remote, payload
    cdef readonly Py_ssize_t packet


@cython.locals(octets="const unsigned char *", code=int)
cpdef int opcode_of(bytes data) except -1
@cython.locals(reader=Reader, packet=Control, opcode=int, count=int)
cpdef Control read_control(bytes data, shape)
@cython.locals(size=Py_ssize_t, at=Py_ssize_t, hmac=Py_ssize_t)
cpdef client_reset(bytes data)
cdef bint _wrapped_key(bytes data) except -1
@cython.locals(read=Control)
cpdef server_reset(bytes data)
cdef bint _session(bytes data) except -1
cdef bint _replay(bytes data, Py_ssize_t at) except -1


cdef class Data:
    cdef readonly int key, peer
    cdef readonly Py_ssize_t number


@cython.locals(octets="const unsigned char *", peer=int, at=Py_ssize_t)
cpdef Data read_data(bytes data)
