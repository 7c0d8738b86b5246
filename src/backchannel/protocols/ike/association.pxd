# C types for association.py, which says what these are.

cimport cython

from backchannel.hashes cimport mark_of, with_mark
from backchannel.protocols.ike.nat cimport Heard, heard
from backchannel.protocols.ike.wire cimport Header

cdef int SAS, HASHES, RECENT, CREDENTIALS, UNSEEN, UNRANKED, ANSWERED, AUTHENTICATING, DECLINED, ESTABLISHED, INITIATED, INSISTENT, SA_INIT
cdef unsigned long long NOBODY
cdef dict STAGES, UNANSWERED
cdef tuple VARIED


cdef class Association:
    cdef readonly unsigned long long initiator
    cdef readonly unsigned long long responder
    cdef readonly int version, side
    cdef str _key, _initiator_spi, _responder_spi
    cdef public str account, method_of_nat
    cdef public tuple stage
    cdef readonly tuple refused
    cdef public bint parted
    cdef public int rank, spoke
    cdef public Py_ssize_t messages, judged
    cdef readonly Py_ssize_t again
    cdef readonly int asker
    cdef long long _last
    cdef public tuple hashes
    cdef readonly bytes recent
    cdef public object method, parts
    cdef public dict quick, farewell
    cdef public bint tied

    cpdef begin(self, Header header, int side)
    cpdef str key(self)
    cpdef str initiator_spi(self)
    cpdef str responder_spi(self)
    cpdef sender(self, int side)
    cpdef bint is_of(self, Header header) except -1
    cdef bint _asks(self, Header header) except -1
    cpdef name_responder(self, unsigned long long responder)
    cpdef tuple outcome(self)
    cpdef bint one_sided(self) except -1
    @cython.locals(rank=int)
    cpdef bint step(self, tuple step, int side=*) except -1
    @cython.locals(recent=bytes, known=bint, mark="long long")
    cpdef bint repeats(self, int side, bytes message, bint answers) except -1
    @cython.locals(known=Heard)
    cpdef keep(self, str of, str by, bytes value, Header header, seen)


cdef class Table:
    cdef readonly Py_ssize_t begun
    cdef readonly Association latest
    cdef list _credentials
    cdef dict _held

    @cython.locals(known=Association)
    cpdef Association find(self, Header header, int side)
    cpdef expect_credential(self, Association association)
    cpdef list held(self)
    cdef _put(self, Association association)


@cython.locals(made=Association)
cpdef Association begin(Header header, int side)
cdef int _initiator(Header header, int side) except -2
