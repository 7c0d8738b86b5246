# C types for signon.py, which says what these are.

from backchannel.protocols.oscar cimport wire
from backchannel.protocols.oscar.state cimport State
from backchannel.reader cimport Reader


cdef _sign_on(str account, str method, dict values)
cdef str _version(dict values)
cdef str _why(dict values, side)
cdef tuple _host(str text, int default)
