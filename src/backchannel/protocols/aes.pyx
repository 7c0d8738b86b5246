# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""AES of single blocks (FIPS 197), and its counter mode; `aes.pyi` says what calls mean.

Four words are the state, a column each, its first byte the highest. Replacing a byte and mixing it
into its column is one look into a table.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from backchannel.wire cimport be32

cdef enum:
    BLOCK = 16
    MOST = 60   # words of the longest key when it is made longer: four for each round, and four

cdef uint8_t[256] BOX       # what replaces a byte
cdef uint32_t[256] COLUMNS  # what a column's first byte, replaced, adds to each of the four


cdef uint32_t doubled(uint32_t octet) noexcept nogil:
    """Return a byte times x in AES's field."""
    return octet << 1 ^ (0x11B if octet & 0x80 else 0)


cdef inline uint32_t turned(uint32_t word, int bits) noexcept nogil:
    return word >> bits | word << (32 - bits)


cdef void prepare() noexcept nogil:
    """Fill the tables: each byte's inverse in the field, turned about (§5.1.1), and mixed (§5.1.3)."""
    cdef uint8_t[255] powers
    cdef uint32_t value = 1, twice, mixed
    cdef int at
    for at in range(255):  # 3 generates all but 0
        powers[at] = <uint8_t>value
        value ^= doubled(value)
    BOX[0] = 0x63
    for at in range(255):
        value = powers[(255 - at) % 255]
        twice = value << 8 | value
        BOX[powers[at]] = <uint8_t>((twice ^ twice >> 4 ^ twice >> 5 ^ twice >> 6 ^ twice >> 7) ^ 0x63)
    for at in range(256):
        value = BOX[at]
        twice = doubled(value)
        COLUMNS[at] = twice << 24 | value << 16 | value << 8 | (twice ^ value)


prepare()


cpdef bytes encrypt_block(bytes key, bytes block):
    """Return 16 bytes encrypted."""
    cdef uint32_t[MOST] words
    cdef uint8_t[BLOCK] found
    cdef int rounds = 14 if len(key) == 32 else 10
    if len(block) != BLOCK or len(key) not in (16, 32):
        raise ValueError("AES takes keys of 16 or 32 bytes, and blocks of 16")
    expand(<const uint8_t*><const char*>key, len(key) // 4, 4 * rounds + 4, words)
    encrypt(words, rounds, <const uint8_t*><const char*>block, found)
    return (<const char*>found)[: sizeof(found)]


cpdef bytes uncount(bytes key, bytes counter, uint64_t at, bytes data):
    """Return data of counter mode in clear, which begin *at* bytes behind the stream's beginning."""
    cdef uint32_t[MOST] words
    cdef uint8_t[BLOCK] count, mask
    cdef const uint8_t* hidden = <const uint8_t*><const char*>data
    cdef uint8_t* clear
    cdef uint64_t size = len(data), done
    cdef int rounds = 14 if len(key) == 32 else 10, inside = at % BLOCK
    if len(counter) != BLOCK or len(key) not in (16, 32):
        raise ValueError("AES takes keys of 16 or 32 bytes, and counters of 16")
    found = PyBytes_FromStringAndSize(NULL, size)
    clear = <uint8_t*><const char*>found
    expand(<const uint8_t*><const char*>key, len(key) // 4, 4 * rounds + 4, words)
    memcpy(count, <const char*>counter, BLOCK)
    add(count, at // BLOCK)
    for done in range(size):
        if inside == BLOCK:
            inside = 0
            add(count, 1)
        if not done or not inside:
            encrypt(words, rounds, count, mask)
        clear[done] = hidden[done] ^ mask[inside]
        inside += 1
    return found


cdef void add(uint8_t* count, uint64_t blocks) noexcept nogil:
    """Add to a counter, whose first byte is the highest."""
    cdef int at = BLOCK
    while blocks and at:
        at -= 1
        blocks += count[at]
        count[at] = <uint8_t>blocks
        blocks >>= 8


cdef void expand(const uint8_t* key, int size, int wanted, uint32_t* words) noexcept nogil:
    """Make *wanted* words of a key that has *size* (§5.2)."""
    cdef uint32_t last, constant = 1
    cdef int at
    for at in range(size):
        words[at] = be32(key + 4 * at)
    for at in range(size, wanted):
        last = words[at - 1]
        if at % size == 0:
            last = replaced(last << 8, last << 8, last << 8, last >> 24) ^ constant << 24
            constant = doubled(constant)
        elif size > 6 and at % size == 4:
            last = replaced(last, last, last, last)
        words[at] = words[at - size] ^ last


cdef inline uint32_t replaced(uint32_t a, uint32_t b, uint32_t c, uint32_t d) noexcept nogil:
    """Return a word of the first byte of *a*, the second of *b* and so on, each replaced."""
    return (
        <uint32_t>BOX[a >> 24] << 24
        | <uint32_t>BOX[b >> 16 & 0xFF] << 16
        | <uint32_t>BOX[c >> 8 & 0xFF] << 8
        | BOX[d & 0xFF]
    )


cdef inline uint32_t mixed(uint32_t a, uint32_t b, uint32_t c, uint32_t d) noexcept nogil:
    """Return the same, mixed as a column."""
    return (
        COLUMNS[a >> 24]
        ^ turned(COLUMNS[b >> 16 & 0xFF], 8)
        ^ turned(COLUMNS[c >> 8 & 0xFF], 16)
        ^ turned(COLUMNS[d & 0xFF], 24)
    )


cdef void encrypt(
    const uint32_t* words, int rounds, const uint8_t* block, uint8_t* found
) noexcept nogil:
    """Encrypt a block (§5.1)."""
    cdef uint32_t s = be32(block) ^ words[0], t = be32(block + 4) ^ words[1]
    cdef uint32_t u = be32(block + 8) ^ words[2], v = be32(block + 12) ^ words[3]
    cdef int at
    for at in range(1, rounds):
        words += 4
        s, t, u, v = (
            mixed(s, t, u, v) ^ words[0],
            mixed(t, u, v, s) ^ words[1],
            mixed(u, v, s, t) ^ words[2],
            mixed(v, s, t, u) ^ words[3],
        )
    write(found, replaced(s, t, u, v) ^ words[4])
    write(found + 4, replaced(t, u, v, s) ^ words[5])
    write(found + 8, replaced(u, v, s, t) ^ words[6])
    write(found + 12, replaced(v, s, t, u) ^ words[7])


cdef inline void write(uint8_t* found, uint32_t word) noexcept nogil:
    word = be32(<const uint8_t*>&word)
    memcpy(found, &word, sizeof(word))
