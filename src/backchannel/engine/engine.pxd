# C types for engine.py, which says what these are.

cimport cython
from backchannel.decoder cimport Decoder
from backchannel.engine.candidates cimport Candidates
from backchannel.engine.known cimport Known
from backchannel.engine.observer cimport Observer
from backchannel.engine.reach cimport Reach
from backchannel.engine.run cimport Run
from backchannel.engine.step cimport Step
from backchannel.engine.stream cimport Moment, Stream
from backchannel.engine.stream cimport moment as moment_of
from backchannel.flows.due cimport Deliverer, Due

cdef long long BOTH
cdef int DATA, GAP, END, CLOSED
cdef Py_ssize_t PEEK_LIMIT
cdef long long TIDY, TRIES
cdef tuple SIDES


cdef class Engine:
    cdef public object counters, names
    cdef public bint everything
    cdef object _core, _on_end, _on_output
    cdef Run _run
    cdef Reach _reach
    cdef list _streams
    cdef object _alone
    cdef object _faults
    cdef long long _deliveries, _now
    cdef Candidates _candidates
    cdef Observer _observer

    @cython.locals(core=Deliverer, observer=Observer, due=Due, count=int, told=list, seen=list)
    cpdef list drain(self, Py_ssize_t most=*, list heard=*)
    cpdef list handle(self, batch)
    @cython.locals(streams=list, stream=Stream, moment=Moment)
    cdef _take(self, long long slot, int way, int kind, long long time, long long frame, payload)
    cdef _tidy(self)
    @cython.locals(stream=Stream)
    cdef _forsake(self, Py_ssize_t slot, long long frame)
    cdef _tell_files(self, list ended)
    @cython.locals(streams=list)
    cdef Stream _begin(self, long long slot, long long now, long long frame)
    cdef _end(self, Stream stream, int side, Moment moment)
    cdef _end_session(self, Stream stream, session, int side, Moment moment)
    cdef _close(self, Stream stream, Moment moment)
    cdef _feed(self, Stream stream, int side, data, Moment moment)
    cdef _carry(self, Stream stream, int way, bytes data, long long time, long long frame)
    @cython.locals(decoder=Decoder)
    cdef _feed_proved(self, Stream stream, int way, bytes data, long long time, long long frame)
    @cython.locals(peeked=bytes, other=bytes, more=bytes, room=Py_ssize_t)
    cdef _peek(self, Stream stream, int side, data)
    cdef _identify(self, Stream stream, Moment moment, bint last=*)
    cdef _resign(self, Stream stream, Moment moment)
    cdef _pass_over(self, Stream stream)
    cdef bint _again(self, Stream stream)
    cdef _abandon(self, Stream stream)
    cdef _shut(self, Stream stream)
    cdef _let_go(self, Stream stream)
    @cython.locals(protocol=Known)
    @cython.locals(step=Step)
    cdef _claim(self, Stream stream, claim, Moment moment)
    cdef bint _is_sealed(self, Stream stream, Known protocol)
    cdef _decode(self, Stream stream, int side, data, Moment moment)
    cdef _judge(self, Stream stream, Moment moment)
    cdef _refuted(self, Stream stream, Moment moment)
    @cython.locals(observer=Observer, events=list, said=Py_ssize_t, at=Py_ssize_t)
    cdef _say(self, Stream stream, side, Moment moment, list outputs)
    cdef _effect(self, Stream stream, Moment moment, side, effect)
    cdef _end_inner(self, Stream stream, effect, Moment moment)
    cdef _lose(self, Stream stream)
