# C types for stream.py, which says what these are.

cimport cython
from backchannel.decoder cimport Decoder
from backchannel.engine.known cimport Known
from backchannel.engine.logins cimport Group
from backchannel.engine.step cimport Step, step

cdef long long PATIENCE, REPLAY_STEPS


@cython.final
@cython.freelist(64)
cdef class Moment:
    cdef public long long time, frame


@cython.locals(made=Moment)
cpdef Moment moment(long long time, long long frame)


cdef class Stream:
    cdef readonly object run
    cdef public object ends, given, inside, target
    cdef public object session, claim, answer
    cdef readonly Decoder typed
    cdef public Known protocol
    cdef public unsigned long long considered, denied, excluded, holding
    cdef public long long slot, first, last, frame, octets, claim_frame, replay_size
    cdef public int spot
    cdef public unsigned char depth, ended, flip, heard, matched, tries  # small, and the others 0 or 1
    cdef public unsigned char announced, asked, bare, begun, deaf, ported, sealed, settled
    cdef public unsigned char placed, tcp, touched, turned
    cdef public str carrier, account
    cdef public list candidates, replay, held
    cdef public tuple named, peeked
    cdef public dict children
    cdef public Group _group
    cdef public Decoder decoder
    cdef public Stream carries

    cpdef info(self)
    cpdef beginning(self)
    cpdef tuple parties(self)
    cpdef part(self)
    cpdef Group login(self)
    cpdef bint is_nobodys(self)
    cpdef bint is_done(self)
    cpdef sit(self, session)
    cpdef list feed(self, side, bytes data)
    cpdef thinks(self)
    @cython.locals(known=Known)
    cpdef bint holds(self) except -1
    cdef str _spoken(self)
    cdef str _told(self)
    @cython.locals(group=Group, known=Known)
    cdef str _serves(self)
    @cython.locals(known=Known)
    cdef _sure(self)
    @cython.locals(group=Group, spoken=str, stack=str)
    cpdef tuple standpoint(self)
    @cython.locals(group=Group, service=str, account=str, known=Known)
    cpdef tuple place(self)
    cpdef bint exhausted(self, answer)
    @cython.locals(client=bytes, server=bytes)
    cpdef bint waits(self) except -1
    @cython.locals(replay=list, size=Py_ssize_t, last=Step)
    cpdef remember(self, side, data, Moment moment)
    cpdef bint is_full(self) except -1
    cpdef trim(self)
    cpdef forget(self)
    cpdef settle(self)
    cpdef amid(self)
    cpdef anew(self)
    cpdef consider(self, Known known)
    cpdef reconsider(self)
    cpdef Stream inner(self, str channel)
