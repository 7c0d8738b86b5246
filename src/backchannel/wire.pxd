"""Integers from the wire, and what C has no word for. Callers have checked the length."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <stddef.h>
    #include <string.h>
    #include <sys/mman.h>
    static inline uint16_t be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
    static inline uint32_t be24(const uint8_t *p) { return (uint32_t)p[0] << 16 | p[1] << 8 | p[2]; }
    static inline uint32_t be32(const uint8_t *p)
    { uint32_t v; memcpy(&v, p, 4); return __builtin_bswap32(v); }
    static inline uint64_t be64(const uint8_t *p)
    { uint64_t v; memcpy(&v, p, 8); return __builtin_bswap64(v); }
    static inline uint16_t le16(const uint8_t *p) { return (uint16_t)(p[1] << 8 | p[0]); }
    static inline uint32_t le24(const uint8_t *p) { return le16(p) | (uint32_t)p[2] << 16; }
    static inline uint32_t le32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }
    #if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    #error "the packet core is written for little-endian machines"
    #endif

    /* Both halves of a 128-bit product: a keyed mixing step (as in wyhash). */
    static inline uint64_t mix(uint64_t a, uint64_t b)
    { __uint128_t r = (__uint128_t)a * b; return (uint64_t)r ^ (uint64_t)(r >> 64); }

    static inline void prefetch(const void *p) { __builtin_prefetch(p, 1, 3); }

    /* How far sequence number a is ahead of b; negative: behind. */
    static inline int32_t ahead(uint32_t a, uint32_t b) { return (int32_t)(a - b); }

    /* Zeroed memory that takes room only where it is touched, in huge pages where there are any. */
    static inline void *reserve(size_t size)
    {
        void *p = mmap(0, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) return 0;
        madvise(p, size, MADV_HUGEPAGE);
        return p;
    }
    static inline void unreserve(void *p, size_t size) { if (p) munmap(p, size); }
    """
    uint16_t be16(const uint8_t*) noexcept nogil
    uint32_t be24(const uint8_t*) noexcept nogil
    uint32_t be32(const uint8_t*) noexcept nogil
    uint64_t be64(const uint8_t*) noexcept nogil
    uint16_t le16(const uint8_t*) noexcept nogil
    uint32_t le24(const uint8_t*) noexcept nogil
    uint32_t le32(const uint8_t*) noexcept nogil
    uint64_t mix(uint64_t, uint64_t) noexcept nogil
    void prefetch(const void*) noexcept nogil
    int ahead(uint32_t, uint32_t) noexcept nogil
    void* reserve(size_t) noexcept nogil
    void unreserve(void*, size_t) noexcept nogil
