# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport u32_at

cdef int ENCRYPTED, HEADER, INITIATOR, MAX_PAYLOADS, RESPONSE, SK, SKF, SNAPPED
cdef int VERSION_1, VERSION_2
cdef bytes NOBODY


@cython.final
@cython.freelist(8)
cdef class Header:
    cdef readonly bytes initiator, responder
    cdef readonly int next, version, exchange, flags
    cdef readonly Py_ssize_t message_id, length
    cdef readonly bint answers, encrypted, from_initiator, opens

    @cython.locals(octets="const unsigned char *", flags=int, version=int)
    cpdef read(self, bytes data, Py_ssize_t at)
    cpdef bint same_sa(self, Header other) except -1


@cython.final
@cython.freelist(32)
cdef class Payload:
    cdef readonly int kind, next
    cdef readonly bytes octets
    cdef readonly Py_ssize_t start, end

    cpdef bytes body(self)
    @cython.locals(size=Py_ssize_t)
    cpdef bint holds(self, bytes body) except -1


@cython.locals(
    size=Py_ssize_t, octets="const unsigned char *", version=int, exchange=int, header=Header
)
cpdef Header read_header(bytes data, Py_ssize_t at=*, bint cut=*)
@cython.locals(length=Py_ssize_t, version=int, opens=bint)
cdef bint _forgiven(Header header, Py_ssize_t size, bint cut) except -1

@cython.locals(
    kind=int, following=int, left=Py_ssize_t, length=Py_ssize_t, at=Py_ssize_t,
    octets="const unsigned char *", payload=Payload,
)
cpdef payloads(bytes data, int first, Py_ssize_t start, Py_ssize_t end, list found)
