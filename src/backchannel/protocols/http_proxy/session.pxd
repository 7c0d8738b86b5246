# C types for session.py, which says what these are.

cimport cython

from backchannel.decoder cimport Decoder
from backchannel.protocols.http.auth cimport Authentication, Offer
from backchannel.protocols.http.heads cimport Head, leaves_http, opens
from backchannel.protocols.http.wire cimport Conversation
from backchannel.protocols.http_proxy.login cimport Logins

cdef object _REFUTED, _CLAIMED, _PARSED, _CLIENT, _SERVER, _NOTHING


cdef class Session(Decoder):
    cdef object _start
    cdef Authentication _auth
    cdef readonly Logins _logins
    cdef Conversation _talk
    cdef list _named, _current
    cdef tuple _asked
    cdef str _tunnel
    cdef dict _channels

    cpdef list feed(self, side, bytes data)
    cdef list _tell(self, now, list told)
    cdef _item(self, side, item, list out)
    cdef _head(self, side, Head head, list out)
    @cython.locals(offer=Offer)
    cdef _request(self, Head head, list out)
    cdef _pass_on(self, Head head, uri, str user, list out)
    cdef _open(self, uri, list out)
    cdef _answer(self, Head head, list out)
    cdef _answer_connect(self, Head head, list out)
    cdef _answer_other(self, Head head, list out)
    cdef _answering(self, Head head)
    cdef bint _entered(self, list out) except -1


cdef _asks(str scheme, str command, str host, port, str user)
cdef _answers(str scheme, Head head, tuple asked, accepted)
@cython.locals(found=object)
cdef str _proxy_name(Head head)
cdef _software(str value, role)
