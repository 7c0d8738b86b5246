# C types for icbm.py, which says what these are.

cimport cython

cimport backchannel.protocols.oscar.charsets as charsets
cimport backchannel.protocols.oscar.people as people
cimport backchannel.protocols.oscar.wire as wire
from backchannel.protocols.bounded cimport remember
from backchannel.protocols.oscar.markup cimport readable
from backchannel.protocols.oscar.state cimport State
from backchannel.protocols.oscar.wire cimport Snac, UserInfo
from backchannel.reader cimport Reader


cdef int TEXTS, RENDEZVOUS, OLD_MESSAGES, TEXT, ENCRYPTED


@cython.locals(cookie=bytes, channel=int, recipient=str)
cpdef to_host(State state, Reader reader, Snac snac, list out)
@cython.locals(cookie=bytes, channel=int, sender=UserInfo)
cpdef to_client(State state, Reader reader, Snac snac, list out)
cdef _channel(State state, int channel, letter, Reader reader, list out)
@cython.locals(parts=list, sealed=bint)
cpdef text(State state, letter, dict values, list out)
@cython.locals(sent=str)
cdef _words(State state, letter, dict values, list parts, bint sealed, list out)
@cython.locals(plain=str, markup=str, kind=str)
cdef _text(State state, letter, dict values, str sent, list out)
@cython.locals(kind=int, charset=int, part=Reader, sealed=bint)
cdef tuple _parts(Reader reader, list parts)
@cython.locals(name=str)
cpdef typing(State state, Reader reader, Snac snac, list out)
