# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compares payloads with the magics; `match_py` says the same in plain Python.

All magics that can begin with a payload's first byte lie beside each other, so that a payload
nobody is interested in costs one look into a table.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from backchannel.flows import match_py
from backchannel.flows.names cimport EARLY
from backchannel.flows.state cimport TCP, UDP

cdef enum:
    # Transports, in the order of _TRANSPORTS.
    STREAM
    DATAGRAM
    OTHER

cdef enum:
    # What comparing a payload with a magic says.
    NO
    MAYBE
    YES

_TRANSPORTS = ("tcp", "udp", "ip")
cdef uint32_t HEAD = match_py.HEAD


cdef class Matcher:
    """All magics; answers with a bit mask of protocol indexes."""

    def __init__(self, magics, names, gated, *, everything):
        cdef uint32_t count = 0
        for index, magic in magics:
            match_py.check(index, magic)
        self.names = Names(names)
        self.gated = 0 if everything else sum(1 << index for index in set(gated))
        self.magics = <magic_t*>calloc(len(magics) + 1, sizeof(magic_t))
        lists = [[] for _ in range(3 * 256)]
        if self.magics == NULL:
            raise MemoryError
        for number, (index, magic) in enumerate(magics):
            compile_magic(&self.magics[number], index, magic)
            for first in range(256):
                if may_begin(&self.magics[number], first):
                    lists[_TRANSPORTS.index(magic.transport) * 256 + first].append(number)
        self.candidates = <uint16_t*>calloc(sum(map(len, lists)) + 1, sizeof(uint16_t))
        if self.candidates == NULL:
            raise MemoryError
        for place, numbers in enumerate(lists):
            self.starts[place] = count
            for number in numbers:
                self.candidates[count] = number
                count += 1
        self.starts[3 * 256] = count

    def __dealloc__(self):
        free(self.magics)
        free(self.candidates)

    cdef uint64_t match(
        self,
        int number,
        const uint8_t* data,
        uint32_t size,
        bint opening,
        uint64_t* maybe,
    ) noexcept nogil:
        """Return the protocols whose magic fits a payload of at least one byte.

        *number* is the IP protocol's, *opening* says that a side begins with the payload. *maybe* is
        filled with the protocols where more bytes may make it fit.
        """
        cdef uint32_t transport = STREAM if number == TCP else DATAGRAM if number == UDP else OTHER
        cdef uint32_t place = transport * 256 + data[0], at
        cdef uint64_t hits = 0
        cdef const magic_t* magic
        cdef int answer
        maybe[0] = 0
        for at in range(self.starts[place], self.starts[place + 1]):
            magic = &self.magics[self.candidates[at]]
            if magic.number and magic.number != <uint32_t>number:
                continue
            if hits & magic.bit:
                continue
            answer = fits(magic, data, size, opening)
            if answer == YES:
                hits |= magic.bit
            elif answer == MAYBE:
                maybe[0] |= magic.bit
        if hits & self.gated:
            answer = 0
            if transport != OTHER:
                answer = self.names.of_interest(transport == STREAM, data, size)
            if answer == EARLY and opening and transport == STREAM:
                maybe[0] |= hits & self.gated
                hits &= ~self.gated
            elif answer == 0:
                hits &= ~self.gated
        maybe[0] &= ~hits
        return hits


cdef int compile_magic(magic_t* made, int index, object magic) except -1:
    """Lay a Magic out for `fits`. The sizes were checked by `check`."""
    mask = magic.mask or b"\xff" * len(magic.pattern)
    made.bit = <uint64_t>1 << index
    made.number = magic.number
    made.at, made.size, made.minimum = magic.at, len(magic.pattern), magic.minimum
    made.first, made.stream = magic.first, magic.transport == "tcp"
    for at, (want, bits) in enumerate(zip(magic.pattern, mask, strict=True)):
        made.pattern[at], made.mask[at] = want & bits, bits
    made.size_count, made.largest_size = len(magic.sizes), max(magic.sizes, default=0)
    for at, size in enumerate(magic.sizes):
        made.sizes[at] = size
    if magic.length is not None:
        made.length_at, made.length_size = magic.length.at, magic.length.size
        made.length_bias, made.little = magic.length.bias, magic.length.little
        made.whole = magic.length.whole
    made.word_count = len(magic.anywhere)
    for number, word in enumerate(magic.anywhere):
        made.word_sizes[number] = len(word)
        for at, byte in enumerate(word):
            made.words[number][at] = byte
        for first in (word[:1], word[:1].upper()):
            made.begins[ord(first)] = 1
    return 0


cdef bint may_begin(const magic_t* magic, uint8_t first):
    return magic.at > 0 or not magic.size or first & magic.mask[0] == magic.pattern[0]


cdef int fits(
    const magic_t* magic, const uint8_t* data, uint32_t size, bint opening
) noexcept nogil:
    """Say whether a payload passes."""
    cdef uint32_t at, seen
    cdef int short = NO
    if opening:
        if magic.stream:
            short = MAYBE
    elif magic.first:
        return NO
    seen = min(magic.size, size - magic.at) if size > magic.at else 0
    for at in range(seen):
        if data[magic.at + at] & magic.mask[at] != magic.pattern[at]:
            return NO
    if size < magic.minimum or size < magic.at + magic.size:
        return short
    if magic.size_count and not listed(magic, size):
        return short if size < magic.largest_size else NO
    if magic.word_count and not holds(magic, data, size):
        return NO if ended(data, size) else short
    return length_fits(magic, data, size, short) if magic.length_size else YES


cdef bint holds(const magic_t* magic, const uint8_t* data, uint32_t size) noexcept nogil:
    """Whether one of the magic's words stands in the head, in any case."""
    cdef uint32_t at, number, length, seen = min(size, HEAD)
    for at in range(seen):
        if not magic.begins[data[at]]:
            continue
        for number in range(magic.word_count):
            length = magic.word_sizes[number]
            if at + length <= seen and same_word(&magic.words[number][0], data + at, length):
                return True
    return False


cdef inline bint same_word(const uint8_t* word, const uint8_t* data, uint32_t size) noexcept nogil:
    cdef uint32_t at
    cdef uint8_t byte
    for at in range(size):
        byte = data[at]
        if 65 <= byte <= 90:
            byte += 32
        if byte != word[at]:
            return False
    return True


cdef bint ended(const uint8_t* data, uint32_t size) noexcept nogil:
    """Whether a head of lines ends in the payload, or is longer than what is looked at."""
    cdef uint32_t at
    if size >= HEAD:
        return True
    for at in range(1, size):
        if data[at] == 10 and (
            data[at - 1] == 10 or (at > 1 and data[at - 1] == 13 and data[at - 2] == 10)
        ):
            return True
    return False


cdef inline bint listed(const magic_t* magic, uint32_t size) noexcept nogil:
    cdef uint32_t at
    for at in range(magic.size_count):
        if magic.sizes[at] == size:
            return True
    return False


cdef int length_fits(
    const magic_t* magic, const uint8_t* data, uint32_t size, int short
) noexcept nogil:
    """A message may go on in later segments of a stream; a datagram holds it whole."""
    cdef int64_t total = 0
    cdef uint32_t at, byte
    if size < magic.length_at + magic.length_size:
        return short
    for at in range(magic.length_size):
        byte = data[magic.length_at + (magic.length_size - 1 - at if magic.little else at)]
        total = total << 8 | byte
    total += magic.length_bias
    if total <= size:
        return NO if magic.whole and total < size else YES
    if magic.whole and magic.stream:
        return YES
    return NO if magic.whole else short
