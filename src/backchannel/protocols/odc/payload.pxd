# C types for payload.py, which says what these are.

cimport cython

cimport backchannel.protocols.oscar.charsets as charsets


@cython.final
cdef class Payload:
    cdef readonly object header
    cdef readonly Py_ssize_t left
    cdef str _phase
    cdef bytearray _held
    cdef Py_ssize_t _at, _size
    cdef dict _names

    @cython.locals(at=Py_ssize_t)
    cpdef list feed(self, bytes data)
    cpdef list skip(self, Py_ssize_t size)
    cpdef stop(self, list parts)
    cdef Py_ssize_t _part(self, bytes data, Py_ssize_t at, list parts) except -1
    @cython.locals(told=str, values=dict)
    cdef _told(self, bytes text, list parts)
    @cython.locals(known=Py_ssize_t, taken=bytes, found=Py_ssize_t, end=Py_ssize_t, rest=Py_ssize_t)
    cdef Py_ssize_t _text(self, bytes data, Py_ssize_t at, list parts) except -1
    @cython.locals(end=Py_ssize_t, stop=Py_ssize_t, tag=bytes)
    cdef Py_ssize_t _tag(self, bytes data, Py_ssize_t at, list parts) except -1
    cdef _begin(self, dict values, list parts)
    @cython.locals(piece=bytes)
    cdef Py_ssize_t _image(self, bytes data, Py_ssize_t at, list parts) except -1
    cdef _finish(self, list parts)


cdef dict _attributes(str text)
