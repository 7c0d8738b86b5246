"""Payloads compared with the magics."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from backchannel.flows.names cimport Names

cdef enum:
    LONGEST_PATTERN = 112
    MOST_SIZES = 64
    MOST_WORDS = 64             # of all magics together
    LONGEST_WORD = 32
    MOST_STEP = 3               # bytes that a search for words moves at once
    PIECE = 3                   # bytes of a word that are looked up
    BUCKETS = 1 << 12           # of pieces
    MOST_SOME = 2
    MOST_UNLESS = 16
    LONGEST_UNLESS = 8
    MOST_WIDE = 64
    MOST_ASKED = 4
    WINDOW = 64                 # bytes at the front that gates look at

cdef struct gate_t:
    # Eight bytes of a pattern: nearly all payloads fail here already.
    uint64_t mask
    uint64_t value
    uint64_t bit                # the magic's
    uint32_t least              # payload bytes below which nothing passes
    uint32_t most               # ... and above which nothing does
    uint32_t whole              # ... and below which a payload may fit at best
    uint16_t magic              # number of the magic
    uint16_t at                 # of the eight bytes, within WINDOW

cdef struct wide_t:
    # Gates that any first byte may pass. A few other bytes together say which of them may open.
    uint32_t count
    uint32_t asked              # places of the bytes that are looked at
    uint32_t places[MOST_ASKED]
    uint64_t may[MOST_ASKED][256]   # by value of the byte there, a bit for each gate
    uint64_t of_size[WINDOW + 1]    # by size of the payload; the last: WINDOW and all above
    gate_t gates[MOST_WIDE]

cdef struct row_t:
    # What is left to look at of the gates that a payload may pass.
    uint64_t left               # those of `wide`, a bit for each
    const gate_t* wide
    const gate_t* narrow        # the next of the others
    const gate_t* end

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
    uint32_t unit
    bint chain
    bint first
    bint stream
    bint unanswered
    bint binary
    uint32_t multiple
    uint32_t spread_at
    uint32_t spread_size        # 0: nothing asked
    uint32_t spread_least
    uint32_t some_count
    uint8_t some[MOST_SOME][LONGEST_PATTERN]
    uint32_t unless_count
    uint32_t unless_sizes[MOST_UNLESS]
    uint8_t unless[MOST_UNLESS][LONGEST_UNLESS]
    uint8_t pattern[LONGEST_PATTERN]
    uint8_t mask[LONGEST_PATTERN]
    uint32_t sizes[MOST_SIZES]
    uint64_t words              # bits of the words of which one must stand in a head of lines

cdef struct word_t:
    uint32_t size
    uint8_t text[LONGEST_WORD]  # in lower case

cdef struct piece_t:
    # Where PIECE bytes of a word stand in it.
    uint8_t word
    uint8_t at
    uint8_t next                # of the same bucket; 0: none

cdef struct head_t:
    # What stands in a head of lines; it is searched once, for all magics.
    bint searched
    bint ended                  # it is all there
    uint64_t words

@cython.final
cdef class Matcher:
    cdef magic_t* magics
    cdef word_t words[MOST_WORDS]
    cdef uint32_t word_count
    cdef uint32_t step          # the words' pieces stand at their first so many bytes
    cdef piece_t pieces[1 + MOST_WORDS * MOST_STEP]
    cdef uint32_t piece_count
    cdef uint8_t buckets[BUCKETS]   # the first piece in each; 0: none
    cdef gate_t* gates          # the others by place: opening or not, transport and first byte
    cdef uint32_t starts[2 * 3 * 256 + 1]
    cdef wide_t wide[2 * 3]     # by opening or not, and transport
    cdef uint64_t gated
    cdef Names names

    cdef int ask(self, wide_t* wide) except -1
    cdef uint64_t match(
        self,
        int number,
        const uint8_t* data,
        uint32_t size,
        bint opening,
        bint answered,
        uint64_t* maybe,
    ) noexcept nogil
    cdef void search(self, const uint8_t* data, uint32_t size, head_t* head) noexcept nogil
    cdef void note_pieces(self) noexcept
    cdef uint64_t words_over(
        self, const uint8_t* data, uint32_t at, uint32_t end, uint32_t number
    ) noexcept nogil
    cdef int fits(
        self,
        const magic_t* magic,
        const uint8_t* data,
        uint32_t size,
        bint opening,
        bint answered,
        head_t* head,
    ) noexcept nogil
