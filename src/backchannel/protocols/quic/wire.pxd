# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport Reader

cdef long long INITIAL, LONGEST_ID, OFFERS, _RANGES
cdef int _LONG, _PING, _ACK, _ACK_ECN, _CRYPTO, _CLOSE


@cython.freelist(8)
cdef class Packet:
    cdef readonly object version
    cdef readonly int kind
    cdef readonly bytes target, source
    cdef public Py_ssize_t start, number, end


cdef bytes _NEGOTIATION


cpdef bint is_long(bytes datagram) except -1
@cython.locals(reader=Reader, first=int, packet=Packet, size=Py_ssize_t)
cpdef Packet read_packet(bytes datagram, Py_ssize_t start)
@cython.locals(reader=Reader, target=bytes, source=bytes)
cpdef read_negotiation(bytes datagram)
@cython.locals(size=Py_ssize_t)
cdef bytes _connection(Reader reader)
@cython.locals(first=int, value=Py_ssize_t, rest=bytes, byte="unsigned char")
cpdef Py_ssize_t varint(Reader reader) except -1
@cython.locals(
    reader=Reader, octets="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t, kind=int,
    offset=Py_ssize_t, found=list,
)
cpdef list read_crypto(bytes payload)
@cython.locals(ranges=Py_ssize_t)
cdef _pass_ack(Reader reader, bint counts)
