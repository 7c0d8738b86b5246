# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compares payloads with the magics; `match_py` says the same in plain Python.

A payload nobody is interested in is to cost next to nothing. Every magic has a gate: eight bytes of
the pattern, which are compared at once. The gates of those that begin with a first byte lie beside
each other. Of those that any first byte may begin, a look at four other bytes leaves few or none
(`wide_t`). Only where a gate opens is the magic itself looked at.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcpy, memset

from backchannel.flows.magics import HEAD as _HEAD
from backchannel.flows.magics import check
from backchannel.flows.names cimport EARLY, same
from backchannel.flows.state cimport TCP, UDP
from backchannel.wire cimport le24, le32

cdef enum:
    # Transports, in the order of _TRANSPORTS.
    STREAM
    DATAGRAM
    OTHER

cdef extern from *:
    """
    /* memcpy of less than 64 bytes, as at most two copies that overlap: a call takes as long again. */
    static inline void copy_short(uint8_t *to, const uint8_t *from, uint32_t size)
    {
    #define BOTH(n) { memcpy(to, from, n); memcpy(to + size - n, from + size - n, n); }
        if (size >= 32) BOTH(32)
        else if (size >= 16) BOTH(16)
        else if (size >= 8) BOTH(8)
        else if (size >= 4) BOTH(4)
        else while (size--) to[size] = from[size];
    #undef BOTH
    }
    """
    void copy_short(uint8_t*, const uint8_t*, uint32_t) noexcept nogil
    int popcount "__builtin_popcountll"(uint64_t) noexcept nogil
    int lowest "__builtin_ctzll"(uint64_t) noexcept nogil

cdef int64_t UNSEEN = -(<int64_t>1 << 62)

cdef enum:
    # What comparing a payload with a magic says.
    NO
    MAYBE
    YES

_TRANSPORTS = ("tcp", "udp", "ip")
cdef uint32_t HEAD = _HEAD


cdef class Matcher:
    """All magics; answers with a bit mask of protocol indexes."""

    def __init__(self, magics, names, gated, *, everything):
        cdef uint32_t count = 0, number, at, size, place, opening
        cdef gate_t* gates
        cdef gate_t* made
        for index, magic in magics:
            check(index, magic)
        self.names = Names(names)
        self.gated = 0 if everything else sum(1 << index for index in set(gated))
        self.magics = <magic_t*>calloc(len(magics) + 1, sizeof(magic_t))
        lists = [[] for _ in range(2 * 3 * 256)]
        wide = [[] for _ in range(2 * 3)]
        if self.magics == NULL:
            raise MemoryError
        for number, (index, magic) in enumerate(magics):
            compile_magic(&self.magics[number], index, magic)
            self.magics[number].words = self.numbered(magic.anywhere)
            firsts = firsts_of(&self.magics[number])
            transport = _TRANSPORTS.index(magic.transport)
            for place in (3 + transport,) if magic.first else (transport, 3 + transport):
                if len(firsts) == 256 and len(wide[place]) < MOST_WIDE:
                    wide[place].append(number)
                    continue
                for first in firsts:
                    lists[place * 256 + first].append(number)
        self.note_pieces()
        self.gates = <gate_t*>calloc(sum(map(len, lists)) + 1, sizeof(gate_t))
        if self.gates == NULL:
            raise MemoryError
        made = <gate_t*>calloc(2 * len(magics) + 1, sizeof(gate_t))
        if made == NULL:
            raise MemoryError
        for number in range(len(magics)):
            for opening in range(2):
                made[2 * number + opening] = make_gate(&self.magics[number], number, opening)
        for place, numbers in enumerate(lists):
            self.starts[place] = count
            for number in numbers:
                self.gates[count] = made[2 * number + (place >= 3 * 256)]
                count += 1
        self.starts[2 * 3 * 256] = count
        for place, numbers in enumerate(wide):
            gates = self.wide[place].gates
            self.wide[place].count = len(numbers)
            for at, number in enumerate(numbers):
                gates[at] = made[2 * number + (place >= 3)]
                for size in range(WINDOW + 1):
                    if gates[at].least <= size <= gates[at].most or size == WINDOW:
                        self.wide[place].of_size[size] |= <uint64_t>1 << at
            self.ask(&self.wide[place])
        free(made)

    cdef int ask(self, wide_t* wide) except -1:
        """Choose the places whose bytes leave fewest of the gates, and note which bytes leave which."""
        cdef double left[MOST_WIDE]  # the share of payloads that a gate would be compared with
        cdef double most, least, share
        cdef bint asked[WINDOW]
        cdef const magic_t* magic
        cdef uint32_t number, at, best, byte
        memset(asked, 0, sizeof(asked))
        most = wide.count
        for number in range(wide.count):
            left[number] = 1.0
        while wide.asked < MOST_ASKED:
            least, best = most, WINDOW
            for at in range(WINDOW):
                share = 0
                for number in range(wide.count):
                    share += left[number] * passing(&self.magics[wide.gates[number].magic], at)
                if share < least and not asked[at]:
                    least, best = share, at
            if best == WINDOW:
                break
            for number in range(wide.count):
                magic = &self.magics[wide.gates[number].magic]
                left[number] *= passing(magic, best)
                for byte in range(256):
                    if may_be(magic, best, byte):
                        wide.may[wide.asked][byte] |= <uint64_t>1 << number
            wide.places[wide.asked], asked[best], most = best, True, least
            wide.asked += 1
        return 0

    def __dealloc__(self):
        free(self.magics)
        free(self.gates)

    cdef uint64_t match(
        self,
        int number,
        const uint8_t* data,
        uint32_t size,
        bint opening,
        bint answered,
        uint64_t* maybe,
    ) noexcept nogil:
        """Return the protocols whose magic fits a payload of at least one byte.

        *number* is the IP protocol's, *opening* says that a side begins with the payload, *answered*
        that the other side spoke before all of it was there. *maybe* is filled with the protocols where
        more bytes may make it fit.
        """
        cdef uint8_t padded[WINDOW]
        cdef uint32_t transport = STREAM if number == TCP else DATAGRAM if number == UDP else OTHER
        cdef const uint8_t* front = windowed(data, size, padded)
        cdef row_t row = row_of(self, 3 * opening + transport, front, size)
        cdef uint64_t hits = 0
        cdef head_t head = head_t(False, False, 0)
        cdef const gate_t* gate
        cdef const magic_t* magic
        cdef int answer
        maybe[0] = 0
        while True:
            gate = following(&row)
            if gate == NULL:
                break
            if shut(gate, front, size):
                continue
            if hits & gate.bit or (maybe[0] & gate.bit and size < gate.whole):
                continue
            magic = &self.magics[gate.magic]
            if magic.number and magic.number != <uint32_t>number:
                continue
            answer = self.fits(magic, data, size, opening, answered, &head)
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

    def fitting(self, str transport, bytes payload, bint begun, uint32_t number):
        """Return the protocols whose magic fits the first bytes of a side, or may with more bytes;
        those with the longest pattern first.
        """
        cdef const uint8_t* data = payload
        cdef uint32_t size = len(payload)
        cdef uint32_t longest[64]       # one more than the size of the pattern; 0: none fits
        cdef uint8_t padded[WINDOW]
        cdef const uint8_t* front
        cdef row_t row
        cdef uint64_t fit = 0
        cdef head_t head = head_t(False, False, 0)
        cdef const gate_t* gate
        cdef const magic_t* magic
        cdef uint32_t index
        if not size:
            return []
        memset(longest, 0, sizeof(longest))
        front = windowed(data, size, padded)
        row = row_of(self, 3 + <uint32_t>_TRANSPORTS.index(transport), front, size)
        while True:
            gate = following(&row)
            if gate == NULL:
                break
            if shut(gate, front, size):
                continue
            magic = &self.magics[gate.magic]
            index = lowest(magic.bit)
            if longest[index] > magic.size or (magic.first and not begun):
                continue
            if number and magic.number and magic.number != number:
                continue
            if self.fits(magic, data, size, True, False, &head) != NO:
                longest[index] = magic.size + 1
                fit |= magic.bit
        found = []
        while fit:  # both in one number, which is compared faster than a pair
            index = lowest(fit)
            fit &= fit - 1
            found.append((LONGEST_PATTERN + 1 - longest[index]) * 64 + index)
        found.sort()
        return [both & 63 for both in found]

    cdef int fits(
        self,
        const magic_t* magic,
        const uint8_t* data,
        uint32_t size,
        bint opening,
        bint answered,
        head_t* head,
    ) noexcept nogil:
        """Say whether a payload passes."""
        cdef uint32_t at
        cdef int short = NO
        if opening:
            if magic.stream:
                short = MAYBE
        elif magic.first:
            return NO
        if answered and magic.unanswered:
            return NO
        if size > magic.at:
            if not agrees(magic, data + magic.at, min(magic.size, size - magic.at)):
                return NO
        for at in range(magic.unless_count):
            if begins(&magic.unless[at][0], magic.unless_sizes[at], data, size):
                return NO
        if size < magic.minimum or size < magic.at + magic.size:
            return short
        for at in range(magic.some_count):
            if not some(&magic.some[at][0], data + magic.at, magic.size):
                return NO
        if magic.multiple > 1 and size % magic.multiple:
            return NO
        if magic.size_count and not listed(magic, size):
            return short if size < magic.largest_size else NO
        if magic.binary and text(data, size):
            return short if size < magic.largest_size else NO
        if magic.spread_size:
            if size < magic.spread_at + magic.spread_size:
                return short
            if different(data + magic.spread_at, magic.spread_size) < magic.spread_least:
                return NO
        if magic.words:
            if not head.searched:
                self.search(data, size, head)
            if not head.words & magic.words:
                return NO if head.ended else short
        return length_fits(magic, data, size, short) if magic.length_size else YES

    # -- words -------------------------------------------------------------------------------------

    def numbered(self, words):
        """Return the bits of *words*, which are searched for from now on."""
        cdef uint64_t bits = 0
        for word in words:
            known = [
                at for at in range(self.word_count)
                if self.words[at].text[: self.words[at].size] == word
            ]
            if not known:
                if self.word_count == MOST_WORDS:
                    raise ValueError("too many words in all magics")
                known = [self.word_count]
                self.words[self.word_count].size = len(word)
                for at, byte in enumerate(word):
                    self.words[self.word_count].text[at] = byte
                self.word_count += 1
            bits |= <uint64_t>1 << known[0]
        return bits

    cdef void note_pieces(self) noexcept:
        """Lay out the pieces by which words are found.

        Wherever a word stands, a search that moves by as many bytes as pieces are noted of each word
        comes upon one of them: no word may be shorter than they reach.
        """
        cdef uint32_t word, at, place
        self.step = MOST_STEP
        for word in range(self.word_count):
            self.step = min(self.step, self.words[word].size - PIECE + 1)
        for word in range(self.word_count):
            for at in range(self.step):
                place = bucket(le24(&self.words[word].text[at]))
                self.piece_count += 1
                self.pieces[self.piece_count] = piece_t(word, at, self.buckets[place])
                self.buckets[place] = self.piece_count

    cdef void search(self, const uint8_t* data, uint32_t size, head_t* head) noexcept nogil:
        """Find the words in the head of lines that a payload begins with."""
        cdef uint32_t at, number, end = min(size, HEAD)
        cdef const uint8_t* line
        cdef uint8_t before
        head.searched, head.ended = True, size >= HEAD
        line = <const uint8_t*>memchr(data + 1, 10, end - 1)
        while line != NULL:
            at = <uint32_t>(line - data)
            before = (line - 1)[0]
            if before == 10 or (before == 13 and at > 1 and (line - 2)[0] == 10):
                head.ended, end = True, at + 1
                break
            line = <const uint8_t*>memchr(line + 1, 10, end - at - 1)
        at = 0
        while at + PIECE < end:  # four bytes are there to be read at once
            number = self.buckets[bucket(le32(data + at))]
            if number:
                head.words |= self.words_over(data, at, end, number)
            at += self.step
        if at + PIECE == end:
            number = self.buckets[bucket(le24(data + at))]
            if number:
                head.words |= self.words_over(data, at, end, number)

    cdef uint64_t words_over(
        self, const uint8_t* data, uint32_t at, uint32_t end, uint32_t number
    ) noexcept nogil:
        """Return the words of which a piece of one bucket, that from *number* on, stands at *at*."""
        cdef uint64_t bits = 0
        cdef const piece_t* piece
        cdef const word_t* word
        while number:
            piece = &self.pieces[number]
            word = &self.words[piece.word]
            if at >= piece.at and word.size <= end - at + piece.at:
                if same(data + at - piece.at, word.text, word.size):
                    bits |= <uint64_t>1 << piece.word
            number = piece.next
        return bits


cdef inline uint32_t bucket(uint32_t piece) noexcept nogil:
    """Return the bucket of PIECE bytes, the low ones of *piece*, of letters in any case."""
    return (piece & 0xDFDFDF) * <uint32_t>0x9E3779B1 >> 20


cdef int compile_magic(magic_t* made, int index, object magic) except -1:
    """Lay a Magic out for `fits`. The sizes were checked by `check`."""
    cdef bytes pattern = magic.pattern, mask = magic.mask or b"\xff" * len(magic.pattern)
    cdef const uint8_t* wanted = pattern
    cdef const uint8_t* bits = mask
    cdef uint32_t at
    if len(mask) != len(pattern):
        raise ValueError(f"a mask of another size than the pattern: {magic}")
    made.bit = <uint64_t>1 << index
    made.number = magic.number
    made.at, made.size, made.minimum = magic.at, len(pattern), magic.minimum
    made.first, made.stream = magic.first, magic.transport == "tcp"
    made.unanswered, made.binary, made.multiple = magic.unanswered, magic.binary, magic.multiple
    for at in range(made.size):
        made.pattern[at], made.mask[at] = wanted[at] & bits[at], bits[at]
    made.some_count = len(magic.some)
    for number, some in enumerate(magic.some):
        for at, byte in enumerate(some):
            made.some[number][at] = byte
    made.unless_count = len(magic.unless)
    for number, word in enumerate(magic.unless):
        made.unless_sizes[number] = len(word)
        for at, byte in enumerate(word):
            made.unless[number][at] = byte
    if magic.spread is not None:
        made.spread_at, made.spread_size = magic.spread.at, magic.spread.size
        made.spread_least = magic.spread.least
    made.size_count, made.largest_size = len(magic.sizes), max(magic.sizes, default=0)
    for at, size in enumerate(magic.sizes):
        made.sizes[at] = size
    if magic.length is not None:
        made.length_at, made.length_size = magic.length.at, magic.length.size
        made.length_bias, made.little = magic.length.bias, magic.length.little
        made.whole, made.unit, made.chain = (
            magic.length.whole, magic.length.unit, magic.length.chain
        )
    return 0


cdef inline bint may_be(const magic_t* magic, uint32_t place, uint8_t byte) noexcept nogil:
    """Whether a payload may have *byte* at *place*."""
    cdef uint32_t at = place - magic.at
    if not magic.at <= place < magic.at + magic.size:
        return True
    return byte & magic.mask[at] == magic.pattern[at]


cdef list firsts_of(const magic_t* magic):
    """Return the bytes that a payload may begin with."""
    cdef uint32_t byte
    found = []
    for byte in range(256):
        if may_be(magic, 0, byte):
            found.append(byte)
    return found


cdef inline double passing(const magic_t* magic, uint32_t place) noexcept nogil:
    """Return the share of all bytes that a payload may have at *place*."""
    if not magic.at <= place < magic.at + magic.size:
        return 1
    return 1.0 / (1 << popcount(magic.mask[place - magic.at]))


cdef gate_t make_gate(const magic_t* magic, uint16_t number, bint opening):
    """Choose the eight bytes of the pattern that say most: with most bits compared."""
    cdef uint32_t whole = max(1, magic.minimum, magic.at + magic.size)
    cdef gate_t gate = gate_t(0, 0, magic.bit, whole, 0xFFFFFFFF, whole, number, 0)
    cdef uint32_t start, at, bits, most = 0
    if opening and magic.stream:  # more bytes may come
        gate.least = 1
    if magic.size_count and magic.largest_size >= max(magic.minimum, magic.at + magic.size):
        gate.most = magic.largest_size
    for start in range(magic.at, min(magic.at + magic.size, WINDOW - 7)):
        bits = 0
        for at in range(start, min(start + 8, magic.at + magic.size)):
            bits += popcount(magic.mask[at - magic.at])
        if bits > most:
            most, gate.at = bits, start
    if most:
        for at in range(gate.at, min(gate.at + 8, magic.at + magic.size)):
            gate.value |= <uint64_t>magic.pattern[at - magic.at] << 8 * (at - gate.at)
            gate.mask |= <uint64_t>magic.mask[at - magic.at] << 8 * (at - gate.at)
    return gate


cdef inline row_t row_of(
    Matcher matcher, uint32_t place, const uint8_t* front, uint32_t size
) noexcept nogil:
    """Return the gates of a place that may open for a payload."""
    cdef const wide_t* wide = &matcher.wide[place]
    cdef uint64_t left = wide.of_size[min(size, <uint32_t>WINDOW)]
    cdef const uint32_t* starts = &matcher.starts[256 * place + front[0]]
    cdef uint32_t at
    for at in range(wide.asked):
        if wide.places[at] < size:
            left &= wide.may[at][front[wide.places[at]]]
    return row_t(left, &wide.gates[0], matcher.gates + starts[0], matcher.gates + starts[1])


cdef inline const gate_t* following(row_t* row) noexcept nogil:
    """Return the next gate; NULL after the last."""
    cdef const gate_t* gate = NULL
    if row.left:
        gate = &row.wide[lowest(row.left)]
        row.left &= row.left - 1
    elif row.narrow != row.end:
        gate = row.narrow
        row.narrow += 1
    return gate


cdef inline uint64_t missing(uint32_t at, uint32_t size) noexcept nogil:
    """Return a mask of those of the eight bytes at *at* that a shorter payload has."""
    return (<uint64_t>1 << 8 * (size - at)) - 1 if size > at else 0


cdef inline const uint8_t* windowed(
    const uint8_t* data, uint32_t size, uint8_t* padded
) noexcept nogil:
    """Return what gates look at: a payload, or its copy in *padded* where it is too short."""
    if size >= WINDOW:
        return data
    memset(padded, 0, WINDOW)
    copy_short(padded, data, size)
    return padded


cdef inline bint shut(const gate_t* gate, const uint8_t* front, uint32_t size) noexcept nogil:
    """Whether a payload cannot fit a gate's magic."""
    cdef uint64_t seen
    memcpy(&seen, front + gate.at, 8)
    seen = (seen ^ gate.value) & gate.mask
    if seen and (size >= <uint32_t>gate.at + 8 or seen & missing(gate.at, size)):
        return True
    return size < gate.least or size > gate.most


cdef inline bint agrees(const magic_t* magic, const uint8_t* data, uint32_t size) noexcept nogil:
    """Whether the first *size* bytes of the pattern, at least one, are those of *data*."""
    cdef uint32_t at = 0
    if size < 8:
        for at in range(size):
            if data[at] & magic.mask[at] != magic.pattern[at]:
                return False
        return True
    while at + 8 < size:
        if differ(magic, data, at):
            return False
        at += 8
    return not differ(magic, data, size - 8)


cdef inline bint differ(const magic_t* magic, const uint8_t* data, uint32_t at) noexcept nogil:
    """Compare eight bytes from *at* on."""
    cdef uint64_t seen, mask, pattern
    memcpy(&seen, data + at, 8)
    memcpy(&mask, magic.mask + at, 8)
    memcpy(&pattern, magic.pattern + at, 8)
    return seen & mask != pattern


cdef inline bint some(const uint8_t* bits, const uint8_t* data, uint32_t size) noexcept nogil:
    cdef uint32_t at
    for at in range(size):
        if data[at] & bits[at]:
            return True
    return False


cdef inline bint begins(
    const uint8_t* word, uint32_t length, const uint8_t* data, uint32_t size
) noexcept nogil:
    cdef uint32_t at
    if size < length:
        return False
    for at in range(length):
        if data[at] != word[at]:
            return False
    return True


cdef inline bint text(const uint8_t* data, uint32_t size) noexcept nogil:
    cdef uint32_t at
    for at in range(size):
        if not (0x20 <= data[at] < 0x7F or data[at] == 9 or data[at] == 10 or data[at] == 13):
            return False
    return True


cdef inline uint32_t different(const uint8_t* data, uint32_t size) noexcept nogil:
    """Count the different values among some bytes."""
    cdef uint64_t met[4]
    cdef uint32_t at
    met[0] = met[1] = met[2] = met[3] = 0
    for at in range(size):
        met[data[at] >> 6] |= <uint64_t>1 << (data[at] & 63)
    return popcount(met[0]) + popcount(met[1]) + popcount(met[2]) + popcount(met[3])


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
    cdef int64_t sum = total(magic, data, size)
    if sum == UNSEEN:
        return short
    if magic.chain:
        return filled(magic, data, size)
    if sum <= size:
        return NO if magic.whole and sum < size else YES
    if magic.whole and magic.stream:
        return YES
    return NO if magic.whole else short


cdef inline int64_t total(const magic_t* magic, const uint8_t* data, uint32_t size) noexcept nogil:
    """Return the size that a message at the start of *data* says it has, or UNSEEN."""
    cdef int64_t value = 0
    cdef uint32_t at
    if size < magic.length_at + magic.length_size:
        return UNSEEN
    for at in range(magic.length_size):
        value = value << 8 | data[
            magic.length_at + (magic.length_size - 1 - at if magic.little else at)
        ]
    return value * magic.unit + magic.length_bias


cdef int filled(const magic_t* magic, const uint8_t* data, uint32_t size) noexcept nogil:
    """Whether messages fill a datagram: YES or NO."""
    cdef int64_t step
    while True:
        step = total(magic, data, size)
        if step == size:
            return YES
        if step <= 0 or step > size:
            return NO
        data += step
        size -= <uint32_t>step
