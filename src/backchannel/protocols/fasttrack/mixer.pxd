# C types for mixer.py, which says what these are.

cimport cython

cdef int _KEY, _NOBODY, _ALWAYS
cdef int _ADD, _SUBTRACT, _MULTIPLY, _XOR, _AND, _OR, _LEFT, _RIGHT, _SET, _ROOT, _SINE, _COSINE
cdef int _LESS
cdef unsigned long long _WORD
cdef bytes _ROOTS, _SINES, _COSINES


@cython.locals(count=int)
cdef unsigned long long _result(
    int operator, unsigned long long a, unsigned long long b, unsigned long long c
) except? 0xDEAD
@cython.locals(table=bytes)
cdef unsigned long long _chosen(
    int operator, unsigned long long a, unsigned long long b, unsigned long long c
) except? 0xDEAD


cdef class Mixer:
    cdef readonly list _constants, _choosers, _lines
    cdef dict _registers, _chosen

    @cython.locals(registers=list)
    cpdef list mix(self, words, key)
    @cython.locals(
        steps=tuple, callee=int, source=int, target=int, fold=int, value=int, a=int, b=int, c=int,
        odd=bint, got="unsigned long long",
    )
    cdef _run(self, int number, key, list registers)
    @cython.locals(operands=tuple, modulus=int, chosen="unsigned long long", arm=int, parts=tuple)
    cdef tuple _parts(self, int number, list registers)
