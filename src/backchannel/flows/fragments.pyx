# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Puts fragmented IP datagrams together; `fragments_py` says the same in plain Python."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memmove

from backchannel.flows.state cimport (
    BATCH,
    FRAGMENTS_BAD,
    FRAGMENTS_CONFLICTING,
    FRAGMENTS_DROPPED,
    FRAGMENTS_OVERLAPPING,
    FRAGMENTS_TIMED_OUT,
    FRAGMENTS_UNFINISHED,
    bounds_t,
    bump,
    counts_t,
)
from backchannel.wire cimport be64, mix

cdef enum:
    LARGEST = 65535
    BUCKETS = 4096          # a power of two


cdef inline uint32_t behind(const datagram_t* datagram, uint32_t start) noexcept nogil:
    """Return how many pieces end at *start* or before it."""
    cdef uint32_t low = 0, high = datagram.count, middle
    while low < high:
        middle = (low + high) // 2
        if datagram.pieces[middle].start + datagram.pieces[middle].size <= start:
            low = middle + 1
        else:
            high = middle
    return low


cdef class Fragments:
    """All unfinished datagrams, oldest first."""

    def __dealloc__(self):
        while self.oldest != NULL:
            self.remove(self.oldest)
        self.release()
        free(self.whole)
        free(self.buckets)

    cdef int prepare(self, const bounds_t* bounds, counts_t* counts) except -1:
        """Set bounds and counts, which must outlive this object."""
        self.bounds, self.counts = bounds, counts
        self.buckets = <datagram_t**>calloc(BUCKETS, sizeof(datagram_t*))
        self.whole = <uint8_t**>calloc(BATCH, sizeof(uint8_t*))
        if self.buckets == NULL or self.whole == NULL:
            raise MemoryError
        return 0

    cdef const uint8_t* add(
        self,
        name_t* name,
        uint32_t start,
        const uint8_t* body,
        uint32_t size,
        bint more,
        int64_t time,
        uint32_t* total,
    ) noexcept nogil:
        """Take one fragment; return the datagram's payload and its *total* size once it is whole.

        The payload lives until `release`. At most BATCH fragments may come between two of those.
        """
        cdef datagram_t* datagram
        cdef uint64_t bucket
        self.expire(time)
        if start + size > LARGEST or not size or (more and size % 8):
            bump(self.counts, FRAGMENTS_BAD)
            return NULL
        bucket = mix(be64(name.source) ^ self.bounds.key[0], be64(name.target) ^ self.bounds.key[1])
        bucket = mix(bucket ^ name.id, self.bounds.key[1] | 1) & (BUCKETS - 1)
        datagram = self.find(name, bucket)
        if datagram == NULL:
            datagram = self.open(name, bucket, time)
            if datagram == NULL:
                return NULL
            self.bound()
        if not self.place(datagram, start, body, size, more):
            bump(self.counts, FRAGMENTS_BAD)
            self.remove(datagram)
            return NULL
        if datagram.size and datagram.held == datagram.size:
            return self.join(datagram, total)
        self.bound()
        return NULL

    cdef void release(self) noexcept nogil:
        """Free the datagrams that were put together."""
        while self.whole_count:
            self.whole_count -= 1
            free(self.whole[self.whole_count])

    cdef void finish(self) noexcept nogil:
        """The input ended: count what never became whole."""
        while self.oldest != NULL:
            bump(self.counts, FRAGMENTS_UNFINISHED)
            self.remove(self.oldest)

    cdef datagram_t* find(self, const name_t* name, uint64_t bucket) noexcept nogil:
        cdef datagram_t* datagram = self.buckets[bucket]
        while datagram != NULL and memcmp(&datagram.name, name, sizeof(name_t)):
            datagram = datagram.next
        return datagram

    cdef datagram_t* open(self, const name_t* name, uint64_t bucket, int64_t time) noexcept nogil:
        cdef datagram_t* datagram = <datagram_t*>calloc(1, sizeof(datagram_t))
        if datagram == NULL:
            self.failed = True
            return NULL
        datagram.name, datagram.time, datagram.bucket = name[0], time, bucket
        datagram.next, self.buckets[bucket] = self.buckets[bucket], datagram
        datagram.older = self.newest
        if self.newest != NULL:
            self.newest.newer = datagram
        else:
            self.oldest = datagram
        self.newest = datagram
        self.count += 1
        return datagram

    cdef bint place(
        self, datagram_t* datagram, uint32_t start, const uint8_t* body, uint32_t size, bint more
    ) noexcept nogil:
        """Add what is new of a piece. False where it contradicts the datagram's size."""
        cdef uint32_t end = start + size, at = start, index, low, high, reach = 0
        cdef bint overlaps = False, conflicts = False, fits = True
        cdef piece_t* piece
        if datagram.count:
            piece = &datagram.pieces[datagram.count - 1]
            reach = piece.start + piece.size
        if not more:
            if (datagram.size and datagram.size != end) or reach > end:
                return False
            datagram.size = end
        elif datagram.size and end > datagram.size:
            return False
        index = behind(datagram, start)
        while index < datagram.count and at < end:
            piece = &datagram.pieces[index]
            if piece.start >= end:
                break
            if piece.start > at:
                if self.insert(datagram, index, at, body + (at - start), piece.start - at):
                    index += 1
                else:
                    fits = False
                piece = &datagram.pieces[index]
            low, high = max(at, piece.start), min(end, piece.start + piece.size)
            overlaps = True
            if memcmp(piece.data + (low - piece.start), body + (low - start), high - low):
                conflicts = True
            at = high
            index += 1
        if fits and at < end:
            fits = self.insert(datagram, index, at, body + (at - start), end - at)
        if conflicts:
            bump(self.counts, FRAGMENTS_CONFLICTING)
        elif overlaps:
            bump(self.counts, FRAGMENTS_OVERLAPPING)
        return fits

    cdef bint insert(
        self, datagram_t* datagram, uint32_t at, uint32_t start, const uint8_t* body, uint32_t size
    ) noexcept nogil:
        """Make a piece the *at*-th. False where there are too many."""
        cdef piece_t* grown
        cdef uint8_t* data
        if datagram.count >= self.bounds.fragment_parts:
            return False
        if datagram.count == datagram.room:
            datagram.room = 4 * datagram.room + 2
            grown = <piece_t*>realloc(datagram.pieces, datagram.room * sizeof(piece_t))
            if grown == NULL:
                self.failed = True
                return False
            datagram.pieces = grown
        data = <uint8_t*>malloc(size)
        if data == NULL:
            self.failed = True
            return False
        memcpy(data, body, size)
        memmove(
            &datagram.pieces[at + 1], &datagram.pieces[at], (datagram.count - at) * sizeof(piece_t)
        )
        datagram.pieces[at] = piece_t(start, size, data)
        datagram.count += 1
        datagram.held += size
        self.held += size
        return True

    cdef const uint8_t* join(self, datagram_t* datagram, uint32_t* total) noexcept nogil:
        """Put the pieces together and forget the datagram."""
        cdef uint8_t* whole = <uint8_t*>malloc(datagram.size)
        cdef uint32_t index, at = 0
        if whole == NULL or self.whole_count == BATCH:
            free(whole)
            self.failed = True
            return NULL
        for index in range(datagram.count):
            memcpy(whole + at, datagram.pieces[index].data, datagram.pieces[index].size)
            at += datagram.pieces[index].size
        total[0] = at
        self.whole[self.whole_count] = whole
        self.whole_count += 1
        self.remove(datagram)
        return whole

    cdef void bound(self) noexcept nogil:
        while self.oldest != NULL and (
            self.count > self.bounds.fragments or self.held > self.bounds.fragment_bytes
        ):
            bump(self.counts, FRAGMENTS_DROPPED)
            self.remove(self.oldest)

    cdef void expire(self, int64_t time) noexcept nogil:
        while self.oldest != NULL and time - self.oldest.time > self.bounds.fragment_wait:
            bump(self.counts, FRAGMENTS_TIMED_OUT)
            self.remove(self.oldest)

    cdef void remove(self, datagram_t* datagram) noexcept nogil:
        cdef datagram_t** link = &self.buckets[datagram.bucket]
        cdef uint32_t index
        while link[0] != datagram:
            link = &link[0].next
        link[0] = datagram.next
        if datagram.older != NULL:
            datagram.older.newer = datagram.newer
        else:
            self.oldest = datagram.newer
        if datagram.newer != NULL:
            datagram.newer.older = datagram.older
        else:
            self.newest = datagram.older
        for index in range(datagram.count):
            free(datagram.pieces[index].data)
        self.held -= datagram.held
        self.count -= 1
        free(datagram.pieces)
        free(datagram)
