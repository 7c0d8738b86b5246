# C types for signon.py, which says what these are.

cimport cython

cimport backchannel.protocols.oscar.wire as wire
from backchannel.protocols.oscar.state cimport State
from backchannel.protocols.oscar.wire cimport Snac
from backchannel.reader cimport Reader


cpdef hello(State state, dict values, side, list out)
@cython.locals(cookie=bytes)
cdef _cookie(State state, dict values, list out)
cdef _roasted(str account, dict values, list out)
@cython.locals(client=str, version=str)
cdef _sign_on(str account, str method, told, dict values, list out)
cdef str _version(dict values)
@cython.locals(values=dict)
cpdef login(State state, Reader reader, Snac _snac, list out)
cdef _answer(State state, dict values, list out)
cpdef sign_off(State state, bytes payload, side, list out)
cdef str _why(dict values, side)
cpdef announce(State state, dict values, family, list out, str room=*)
cdef tuple _host(str text, int default)
