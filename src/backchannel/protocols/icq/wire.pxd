# C types for wire.py, which says what these are.

cimport cython

cimport backchannel.protocols.icq.scramble as scramble
from backchannel.reader cimport Reader

cdef object _CLIENT, _SERVER


cdef class Packet:
    cdef readonly int version, command, sequence, sequence2
    cdef readonly Py_ssize_t uin, session
    cdef readonly object side
    cdef readonly bytes parameters
    cdef readonly bint checked


cdef Py_ssize_t _u16(const unsigned char *data, Py_ssize_t at) except -1
cdef Py_ssize_t _u32(const unsigned char *data, Py_ssize_t at) except -1
@cython.locals(version=int)
cpdef Packet read(side, bytes data, bint proved=*)
@cython.locals(clear=bytes, fits=bint)
cdef Packet _client_5(bytes data, bint proved)
@cython.locals(clear=bytes, fits=bint)
cdef Packet _client_4(bytes data, bint proved)
cdef Packet _server_5(bytes data)
cdef Packet _version_3(side, bytes data)
@cython.locals(command=int, has_uin=bint, at=Py_ssize_t, sequence2=int)
cdef Packet _version_2(side, bytes data)
cpdef bytes string(Reader reader)
cpdef tuple fragment(Packet packet)
