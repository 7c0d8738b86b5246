# C types for roster.py, which says what these are.

cimport cython

cimport backchannel.protocols.oscar.wire as wire
from backchannel.protocols.bounded cimport remember
from backchannel.protocols.oscar.markup cimport readable
from backchannel.protocols.oscar.state cimport State, is_number
from backchannel.protocols.oscar.wire cimport Snac
from backchannel.reader cimport Reader
from backchannel.text cimport utf8


cdef int BUDDY, GROUP
cdef Py_ssize_t ENTRIES


@cython.final
cdef class Item:
    cdef readonly str name
    cdef readonly int group, kind
    cdef readonly bytes values


@cython.locals(item=Item)
cdef tuple _entries(State state, list items)
@cython.locals(alias=bytes, group=str, blocked=bint)
cdef _contact(State state, Item item)
@cython.locals(count=Py_ssize_t, items=list, entries=tuple)
cpdef listed(State state, Reader reader, Snac _snac, list out)
@cython.locals(items=list, entries=tuple)
cpdef changed(State state, Reader reader, Snac snac, list out)
cdef _authorization(State state, str name, bytes text, Snac snac, str kind)
cpdef authorize(State state, Reader reader, Snac snac, list out)
cpdef authorized(State state, Reader reader, Snac snac, list out)
cpdef were_added(State state, Reader reader, Snac _snac, list out)
