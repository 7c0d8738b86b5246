"""C types of `reader.py`, which is compiled with them."""

cimport cython

cdef bytearray _SEEN


@cython.final
@cython.freelist(64)
cdef class Reader:
    cdef readonly bytes data
    cdef readonly Py_ssize_t end
    cdef public Py_ssize_t offset

    @cython.locals(start=Py_ssize_t, data="const unsigned char *")
    cpdef bytes take(self, size)
    cpdef bytes peek(self, size)
    cpdef bytes rest(self)
    cpdef void skip(self, size) except *
    @cython.locals(made=Reader)
    cpdef Reader sub(self, size)
    cpdef bytes until(self, bytes mark, Py_ssize_t limit)

    cpdef int u8(self) except -1
    @cython.locals(at=Py_ssize_t, data=bytes)
    cpdef int u16(self) except -1
    @cython.locals(at=Py_ssize_t, data=bytes)
    cpdef int u24(self) except -1
    @cython.locals(at=Py_ssize_t, data=bytes, high=Py_ssize_t, low=Py_ssize_t)
    cpdef Py_ssize_t u32(self) except -1
    cpdef u64(self)
    @cython.locals(at=Py_ssize_t, data=bytes)
    cpdef int u16le(self) except -1
    @cython.locals(at=Py_ssize_t, data=bytes, high=Py_ssize_t, low=Py_ssize_t)
    cpdef Py_ssize_t u32le(self) except -1
    cpdef u64le(self)
    @cython.locals(at=Py_ssize_t, data=bytes)
    cpdef str ipv4(self)

    @cython.locals(start=Py_ssize_t)
    cdef Py_ssize_t _pass(self, Py_ssize_t size) except -1
    cdef Py_ssize_t _span(self, size) except -1
    cdef _short(self, size)


@cython.locals(high=Py_ssize_t, low=Py_ssize_t)
cpdef Py_ssize_t u32_at(bytes octets, Py_ssize_t at) except -1


@cython.locals(data="const unsigned char *", last=Py_ssize_t)
cpdef bytes cut(bytes octets, Py_ssize_t start, Py_ssize_t end)
@cython.locals(data="const unsigned char *", last=Py_ssize_t)
cpdef bytes cut_buffer(bytearray buffer, Py_ssize_t start, Py_ssize_t end)


@cython.locals(
    seen="unsigned char *", data="const unsigned char *", count=Py_ssize_t, at=Py_ssize_t
)
cpdef Py_ssize_t different(bytes octets, Py_ssize_t size) except -1
