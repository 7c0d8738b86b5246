# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport u32_at

cdef int ENCRYPTED, HEADER, INITIATOR, MAX_PAYLOADS, RESPONSE, SK, SKF, SNAPPED
cdef int VERSION_1, VERSION_2
cdef unsigned long long NOBODY
cdef bytes _KNOWN


@cython.final
@cython.freelist(8)
cdef class Header:
    cdef readonly unsigned long long initiator, responder
    cdef readonly int next, version, exchange, flags
    cdef readonly Py_ssize_t message_id, length
    cdef readonly bint answers, encrypted, from_initiator, opens

    @cython.locals(
        octets="const unsigned char *", flags=int, version=int, high="unsigned long long",
        low="unsigned long long",
    )
    cpdef read(self, bytes data, Py_ssize_t at)
    cpdef bint same_sa(self, Header other) except -1


@cython.final
@cython.freelist(8)
cdef class Payloads:
    cdef readonly int kind, next, count
    cdef readonly bytes octets
    cdef readonly Py_ssize_t start, end
    cdef readonly object error
    cdef int _first, _following
    cdef Py_ssize_t _begin, _limit, _at

    cpdef begin(self, bytes data, int first, Py_ssize_t start, Py_ssize_t end)
    cpdef again(self)
    @cython.locals(
        kind=int, following=int, left=Py_ssize_t, length=Py_ssize_t, at=Py_ssize_t,
        octets="const unsigned char *",
    )
    cpdef bint step(self) except -1
    cpdef bytes body(self)
    @cython.locals(size=Py_ssize_t)
    cpdef bint holds(self, bytes body) except -1


@cython.locals(made=Payloads)
cpdef Payloads walk(bytes data, int first, Py_ssize_t start, Py_ssize_t end)


@cython.locals(
    size=Py_ssize_t, octets="const unsigned char *", version=int, exchange=int, header=Header
)
cpdef Header read_header(bytes data, Py_ssize_t at=*, bint cut=*)
@cython.locals(length=Py_ssize_t, version=int, opens=bint)
cdef bint _forgiven(Header header, Py_ssize_t size, bint cut) except -1
