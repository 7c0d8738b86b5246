# C types for aes.py, which says what these are.

cimport cython

cdef bytes _SUBSTITUTES
cdef unsigned long long _WORD


cdef long _doubled(long octet) except -1
@cython.locals(
    wide=bint, rounds=int, at=int, constant=long,
    a="unsigned long long", b="unsigned long long", c="unsigned long long", d="unsigned long long",
    e="unsigned long long", f="unsigned long long", g="unsigned long long", h="unsigned long long",
    s="unsigned long long", t="unsigned long long", u="unsigned long long", v="unsigned long long",
)
cpdef bytes encrypt_block(bytes key, bytes block)
@cython.locals(high="unsigned long long", low="unsigned long long")
cdef unsigned long long _word(bytes octets, Py_ssize_t at) except? 1
@cython.locals(box="const unsigned char *", high="unsigned long long")
cdef unsigned long long _substituted(
    unsigned long long first, unsigned long long second,
    unsigned long long third, unsigned long long fourth,
) except? 1
@cython.locals(high="unsigned long long", doubled="unsigned long long")
cdef unsigned long long _mixed(unsigned long long word) except? 1
cdef unsigned long long _turned(unsigned long long word, int bits) except? 1
