# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""SHA-256, HMAC and SHA-1 of short messages (FIPS 180-4, RFC 2104), and marks of messages;
`hashes.pyi` says what calls mean.

A library makes an object for each digest, which costs more than digesting one or two blocks does.
"""

from os import urandom

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from backchannel.wire cimport be32, be64, mix

cdef enum:
    BLOCK = 64
    SIZED = 8   # bytes at the end of the last block, which say how many bits there were
    MARK = 8

ctypedef void (*compress_t)(uint32_t*, const uint8_t*) noexcept nogil

cdef uint32_t[64] ROUNDS = [
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
]
cdef uint32_t[8] BEGIN_256 = [
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
]
cdef uint32_t[5] BEGIN_1 = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0]
cdef uint64_t[2] KEY = [int.from_bytes(urandom(8)), int.from_bytes(urandom(8))]   # this run's


cdef class Mac:
    """HMAC with SHA-256 under one key."""

    def __init__(self, bytes key not None):
        cdef uint8_t[BLOCK] block
        cdef int at
        if len(key) > BLOCK:
            raise ValueError("a key for HMAC is as long as a block at most")
        memset(block, 0x36, BLOCK)
        for at in range(len(key)):
            block[at] ^= <uint8_t>key[at]
        memcpy(self.inner, BEGIN_256, sizeof(BEGIN_256))
        compress_256(self.inner, block)
        for at in range(BLOCK):
            block[at] ^= 0x36 ^ 0x5C
        memcpy(self.outer, BEGIN_256, sizeof(BEGIN_256))
        compress_256(self.outer, block)

    cpdef bytes digest(self, bytes message):
        """Return the code of a message."""
        cdef uint32_t[8] state
        cdef uint8_t[32] digest
        memcpy(state, self.inner, sizeof(state))
        finish(compress_256, state, <const uint8_t*><const char*>message, len(message), BLOCK)
        write(state, 8, digest)
        memcpy(state, self.outer, sizeof(state))
        finish(compress_256, state, digest, sizeof(digest), BLOCK)
        write(state, 8, digest)
        return (<const char*>digest)[: sizeof(digest)]


cpdef bytes sha256(bytes message):
    """Return the digest of a message."""
    cdef uint32_t[8] state
    cdef uint8_t[32] digest
    memcpy(state, BEGIN_256, sizeof(state))
    finish(compress_256, state, <const uint8_t*><const char*>message, len(message), 0)
    write(state, 8, digest)
    return (<const char*>digest)[: sizeof(digest)]


cpdef bytes sha1(bytes message):
    """Return the digest of a message."""
    cdef uint32_t[5] state
    cdef uint8_t[20] digest
    memcpy(state, BEGIN_1, sizeof(state))
    finish(compress_1, state, <const uint8_t*><const char*>message, len(message), 0)
    write(state, 5, digest)
    return (<const char*>digest)[: sizeof(digest)]


cpdef int sha1_end(bytes digest, bytearray text, tuple ends) except -2:
    """Return the first of *ends* that behind a text has this digest; -1 for none."""
    cdef uint8_t[BLOCK] block
    cdef uint32_t[5] state
    cdef uint8_t[20] made
    cdef int size = len(text), end
    if size > BLOCK - SIZED - 3:
        raise ValueError("the text and its end are longer than a block holds")
    if len(digest) != sizeof(made):
        return -1
    memset(block, 0, BLOCK)
    memcpy(block, <const char*>text, size)
    block[size + 2] = 0x80
    block[BLOCK - 2] = <uint8_t>(8 * (size + 2) >> 8)
    block[BLOCK - 1] = <uint8_t>(8 * (size + 2))
    for end in ends:
        block[size], block[size + 1] = <uint8_t>(end >> 8), <uint8_t>end
        memcpy(state, BEGIN_1, sizeof(state))
        compress_1(state, block)
        write(state, 5, made)
        if memcmp(made, <const char*>digest, sizeof(made)) == 0:
            return end
    return -1


cpdef int64_t mark_of(bytes message, int kind) except? -1:
    """Return the mark of a message."""
    return <int64_t>mixed(<const uint8_t*><const char*>message, len(message), kind)


cpdef bytes with_mark(bytes marks, int64_t mark, int most=0):
    """Return marks with one more, of which the newest *most* are kept: all, where that is 0."""
    cdef int64_t each
    cdef uint64_t size = len(marks), at = 0
    cdef const char* known = marks
    cdef char* made
    while size - at >= MARK:
        memcpy(&each, known + at, MARK)
        if each == mark:
            return marks
        at += MARK
    if most > 0 and size >= <uint64_t>most * MARK:  # the oldest goes
        known += size - (most - 1) * MARK
        size = (most - 1) * MARK
    found = PyBytes_FromStringAndSize(NULL, size + MARK)
    made = <char*><const char*>found
    memcpy(made, known, size)
    memcpy(made + size, &mark, MARK)
    return found


cdef uint64_t mixed(const uint8_t* data, uint64_t left, int kind) noexcept nogil:
    """Return the mark of a message of *left* bytes."""
    cdef uint64_t mark = KEY[0] ^ left ^ <uint64_t>kind << 32
    cdef uint8_t[16] rest
    while left >= sizeof(rest):
        mark = mix(be64(data) ^ KEY[1], be64(data + 8) ^ mark)
        data += sizeof(rest)
        left -= sizeof(rest)
    memset(rest, 0, sizeof(rest))
    memcpy(rest, data, left)
    mark = mix(be64(rest) ^ KEY[1], be64(rest + 8) ^ mark)
    return mix(mark ^ KEY[0], KEY[1])


cdef void finish(
    compress_t compress, uint32_t* state, const uint8_t* data, uint64_t size, uint64_t before
) noexcept nogil:
    """Take the last *size* bytes of what is hashed, of which *before* bytes are in the state."""
    cdef uint64_t left = size, bits = 8 * (before + size)
    cdef uint8_t[BLOCK] block
    cdef int at
    while left >= BLOCK:
        compress(state, data)
        data += BLOCK
        left -= BLOCK
    memset(block, 0, BLOCK)
    memcpy(block, data, left)
    block[left] = 0x80
    if left >= BLOCK - SIZED:
        compress(state, block)
        memset(block, 0, BLOCK)
    for at in range(SIZED):
        block[BLOCK - 1 - at] = <uint8_t>(bits >> 8 * at)
    compress(state, block)


cdef void write(const uint32_t* state, int words, uint8_t* digest) noexcept nogil:
    cdef uint32_t word
    cdef int at
    for at in range(words):
        word = be32(<const uint8_t*>&state[at])
        memcpy(digest + 4 * at, &word, sizeof(word))


cdef inline uint32_t turned(uint32_t word, int bits) noexcept nogil:
    return word >> bits | word << (32 - bits)


cdef inline void round_256(
    uint32_t a, uint32_t b, uint32_t c, uint32_t* d,
    uint32_t e, uint32_t f, uint32_t g, uint32_t* h, uint32_t word
) noexcept nogil:
    """Do a round, in which two of the eight words change; in the next each stands one later.

    The standard turns one word by 6, 11 and 25 bits, the other by 2, 13 and 22: here one turn goes
    on from another, which takes fewer instructions.
    """
    h[0] += turned(turned(turned(e, 14) ^ e, 5) ^ e, 6) + (g ^ e & (f ^ g)) + word
    d[0] += h[0]
    h[0] += turned(turned(turned(a, 9) ^ a, 11) ^ a, 2) + (a & b | c & (a | b))


cdef void compress_256(uint32_t* state, const uint8_t* block) noexcept nogil:
    """Take a block (FIPS 180-4 §6.2.2)."""
    cdef uint32_t[64] words
    cdef uint32_t a = state[0], b = state[1], c = state[2], d = state[3]
    cdef uint32_t e = state[4], f = state[5], g = state[6], h = state[7]
    cdef uint32_t first, second
    cdef int at
    for at in range(16):
        words[at] = be32(block + 4 * at)
    for at in range(16, 64):
        first, second = words[at - 15], words[at - 2]
        first = turned(first, 7) ^ turned(first, 18) ^ first >> 3
        second = turned(second, 17) ^ turned(second, 19) ^ second >> 10
        words[at] = words[at - 16] + first + words[at - 7] + second
    for at in range(0, 64, 8):
        round_256(a, b, c, &d, e, f, g, &h, ROUNDS[at] + words[at])
        round_256(h, a, b, &c, d, e, f, &g, ROUNDS[at + 1] + words[at + 1])
        round_256(g, h, a, &b, c, d, e, &f, ROUNDS[at + 2] + words[at + 2])
        round_256(f, g, h, &a, b, c, d, &e, ROUNDS[at + 3] + words[at + 3])
        round_256(e, f, g, &h, a, b, c, &d, ROUNDS[at + 4] + words[at + 4])
        round_256(d, e, f, &g, h, a, b, &c, ROUNDS[at + 5] + words[at + 5])
        round_256(c, d, e, &f, g, h, a, &b, ROUNDS[at + 6] + words[at + 6])
        round_256(b, c, d, &e, f, g, h, &a, ROUNDS[at + 7] + words[at + 7])
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e
    state[5] += f
    state[6] += g
    state[7] += h


cdef inline void choose_1(
    uint32_t a, uint32_t* b, uint32_t c, uint32_t d, uint32_t* e, uint32_t word, uint32_t more
) noexcept nogil:
    e[0] += turned(a, 27) + (d ^ b[0] & (c ^ d)) + word + more
    b[0] = turned(b[0], 2)


cdef inline void parity_1(
    uint32_t a, uint32_t* b, uint32_t c, uint32_t d, uint32_t* e, uint32_t word, uint32_t more
) noexcept nogil:
    e[0] += turned(a, 27) + (b[0] ^ c ^ d) + word + more
    b[0] = turned(b[0], 2)


cdef inline void majority_1(
    uint32_t a, uint32_t* b, uint32_t c, uint32_t d, uint32_t* e, uint32_t word, uint32_t more
) noexcept nogil:
    e[0] += turned(a, 27) + (b[0] & c | d & (b[0] | c)) + word + more
    b[0] = turned(b[0], 2)


cdef void compress_1(uint32_t* state, const uint8_t* block) noexcept nogil:
    """Take a block (FIPS 180-4 §6.1.2). In a round two of the five words change; in the next each
    stands one later.
    """
    cdef uint32_t[80] words
    cdef uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4]
    cdef int at
    for at in range(16):
        words[at] = be32(block + 4 * at)
    for at in range(16, 80):
        words[at] = turned(words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16], 31)
    for at in range(0, 20, 5):
        choose_1(a, &b, c, d, &e, words[at], 0x5A827999U)
        choose_1(e, &a, b, c, &d, words[at + 1], 0x5A827999U)
        choose_1(d, &e, a, b, &c, words[at + 2], 0x5A827999U)
        choose_1(c, &d, e, a, &b, words[at + 3], 0x5A827999U)
        choose_1(b, &c, d, e, &a, words[at + 4], 0x5A827999U)
    for at in range(20, 40, 5):
        parity_1(a, &b, c, d, &e, words[at], 0x6ED9EBA1U)
        parity_1(e, &a, b, c, &d, words[at + 1], 0x6ED9EBA1U)
        parity_1(d, &e, a, b, &c, words[at + 2], 0x6ED9EBA1U)
        parity_1(c, &d, e, a, &b, words[at + 3], 0x6ED9EBA1U)
        parity_1(b, &c, d, e, &a, words[at + 4], 0x6ED9EBA1U)
    for at in range(40, 60, 5):
        majority_1(a, &b, c, d, &e, words[at], 0x8F1BBCDCU)
        majority_1(e, &a, b, c, &d, words[at + 1], 0x8F1BBCDCU)
        majority_1(d, &e, a, b, &c, words[at + 2], 0x8F1BBCDCU)
        majority_1(c, &d, e, a, &b, words[at + 3], 0x8F1BBCDCU)
        majority_1(b, &c, d, e, &a, words[at + 4], 0x8F1BBCDCU)
    for at in range(60, 80, 5):
        parity_1(a, &b, c, d, &e, words[at], 0xCA62C1D6U)
        parity_1(e, &a, b, c, &d, words[at + 1], 0xCA62C1D6U)
        parity_1(d, &e, a, b, &c, words[at + 2], 0xCA62C1D6U)
        parity_1(c, &d, e, a, &b, words[at + 3], 0xCA62C1D6U)
        parity_1(b, &c, d, e, &a, words[at + 4], 0xCA62C1D6U)
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e
