# C types for recognise.py, which says what these are.

cimport cython

from backchannel.protocols.mtproto.wire cimport Frame, Frames, read_message, read_opening


@cython.locals(frames=Frames, frame=Frame)
cdef _first(opening, bytes data)
@cython.locals(frames=Frames, frame=Frame)
cdef _heard(opening, bytes data)
