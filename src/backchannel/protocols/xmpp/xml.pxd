# C types for xml.py, which says what these are.

cimport cython

from backchannel.protocols.xmpp.elements cimport Element
from backchannel.protocols.xmpp.tags cimport blank_end, name_end, value_end, value_start
from backchannel.reader cimport cut, cut_buffer
from backchannel.text cimport utf8

cdef int _LESS, _GREATER, _SLASH, _DOUBLE, _SINGLE, _BANG, _ASK
cdef Py_ssize_t _NOT_YET
cdef bytes _CDATA, _COMMENT


cdef class Reader:
    cdef bytearray _buffer
    cdef Py_ssize_t _seek, _size, _count, _passing, _wrong
    cdef int _quote
    cdef bint _markup, _started, _hunting, _joined
    cdef dict _root
    cdef list _open
    cdef str _passed

    cpdef add(self, bytes data)
    cpdef lose(self)
    cpdef recover(self)
    cpdef bytes rest(self)
    cpdef bint at_tls(self) except -1
    @cython.locals(size=Py_ssize_t, token=bytes)
    cpdef take(self)
    cdef _reset(self)
    cdef bint _found(self) except -1
    @cython.locals(buffer=bytearray, found=Py_ssize_t, end=Py_ssize_t)
    cdef bint _text(self) except -1
    cdef bint _between(self, Py_ssize_t end) except -1
    @cython.locals(buffer=bytearray, size=Py_ssize_t, at=Py_ssize_t, quote=int, octet=int)
    cdef Py_ssize_t _length(self) except -1
    @cython.locals(buffer=bytearray, head=bytes, mark=bytes, limit=Py_ssize_t, found=Py_ssize_t)
    cdef Py_ssize_t _aside(self) except -1
    @cython.locals(closes=bint, start=Py_ssize_t, end=Py_ssize_t, name=bytes)
    cdef _token(self, bytes token)
    @cython.locals(
        scope=dict, attributes=dict, empty=bint, before=bytes, local=bytes, name=str, prefix=str,
        element=Element, top=Element,
    )
    cdef _begin(self, bytes tag, bytes token, Py_ssize_t at)
    @cython.locals(
        own=dict, target=dict, count=Py_ssize_t, first=Py_ssize_t, stop=Py_ssize_t,
        start=Py_ssize_t, end=Py_ssize_t, name=str, value=str,
    )
    cdef dict _attributes(self, bytes token, Py_ssize_t at, dict attributes, dict scope)
    cdef _close(self, bytes name, bytes token, Py_ssize_t at)
    cdef _foot(self, bytes name)
    cdef _hunt(self)
    cdef Element _whole(self, Element element)
    @cython.locals(top=Element)
    cdef _keep(self, str text, Py_ssize_t size)
    cdef bint _overfull(self) except -1
    @cython.locals(top=Element)
    cdef _pass_over(self)
    cdef _passed_tag(self, Py_ssize_t change)
