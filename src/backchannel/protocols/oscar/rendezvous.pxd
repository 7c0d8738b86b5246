# C types for rendezvous.py, which says what these are.

cimport cython

cimport backchannel.protocols.oscar.art as art
cimport backchannel.protocols.oscar.charsets as charsets
cimport backchannel.protocols.oscar.wire as wire
from backchannel.protocols.bounded cimport remember
from backchannel.protocols.oscar.markup cimport readable
from backchannel.protocols.oscar.state cimport State
from backchannel.protocols.oscar.wire cimport same
from backchannel.reader cimport Reader


cdef int ACCEPT, ADDRESSES, CANCEL, PROPOSE
cdef Py_ssize_t GAME_LIMIT
cdef dict PROTOCOLS, _SPECIAL
cdef tuple _TOLD


@cython.locals(reader=Reader, status=int, word=str, inner=dict)
cpdef proposal(State state, letter, dict values, list out)
@cython.locals(number=int, proposer=str, size=Py_ssize_t)
cdef _propose(State state, letter, str word, dict inner, list out)
cdef str _proposer(State state, letter, str word, int number)
cdef _offer(letter, str word, dict inner)
cdef tuple _file(bytes detail)
@cython.locals(
    out=list, places=list, other=str, sender=str, recipient=str, proxied=bint, accounts=tuple, expected=set
)
cdef list _addresses(State state, letter, str word, str proposer, dict inner)
@cython.locals(found=dict, first=str, address=str)
cdef list _places(dict inner, bint proxied)
cdef _more_places(Reader reader, dict found)
@cython.locals(offer=tuple, own=bint, accepted=bint)
cdef _answer(State state, letter, use, str why, list out)
cpdef client_answer(State state, letter, Reader reader, list out)
@cython.locals(reader=Reader)
cpdef _icon(State state, letter, dict inner, list out)
