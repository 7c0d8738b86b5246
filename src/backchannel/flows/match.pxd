"""Payloads compared with the magics."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from backchannel.flows.names cimport Names

cdef enum:
    LONGEST_PATTERN = 64
    MOST_SIZES = 64
    MOST_WORDS = 32
    LONGEST_WORD = 32

cdef struct magic_t:
    uint64_t bit
    uint32_t number             # IP protocol; 0: any
    uint32_t at
    uint32_t size               # of the pattern
    uint32_t minimum
    uint32_t size_count
    uint32_t largest_size
    uint32_t length_at
    uint32_t length_size        # 0: no length field
    int64_t length_bias
    bint little
    bint whole
    bint first
    bint stream
    uint8_t pattern[LONGEST_PATTERN]
    uint8_t mask[LONGEST_PATTERN]
    uint32_t sizes[MOST_SIZES]
    uint32_t word_count
    uint8_t word_sizes[MOST_WORDS]
    uint8_t words[MOST_WORDS][LONGEST_WORD]
    uint8_t begins[256]         # whether a word begins with a byte, in either case

@cython.final
cdef class Matcher:
    cdef magic_t* magics
    cdef uint16_t* candidates   # numbers of magics, by transport and first byte
    cdef uint32_t starts[3 * 256 + 1]
    cdef uint64_t gated
    cdef Names names

    cdef uint64_t match(
        self,
        int number,
        const uint8_t* data,
        uint32_t size,
        bint opening,
        uint64_t* maybe,
    ) noexcept nogil
