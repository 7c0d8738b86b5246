# C types for md4.py, which says what these are.

cimport cython


@cython.final
cdef class Md4:
    cdef unsigned long long _a, _b, _c, _d, _size
    cdef bytes _rest

    @cython.locals(rest=bytes, whole=Py_ssize_t)
    cpdef update(self, bytes data)
    @cython.locals(padding=bytes, last=bytes)
    cpdef bytes digest(self)
    @cython.locals(
        octets="const unsigned char *", order="const unsigned char *",
        shifts="const unsigned char *",
        a="unsigned long long", b="unsigned long long", c="unsigned long long",
        d="unsigned long long", old_a="unsigned long long", old_b="unsigned long long",
        old_c="unsigned long long", old_d="unsigned long long", word="unsigned long long",
        total="unsigned long long", mask="unsigned long long", at=Py_ssize_t, step=Py_ssize_t, place=Py_ssize_t, shift=int,
    )
    cdef _blocks(self, bytes data, Py_ssize_t size)


cpdef bytes md4(bytes data)
