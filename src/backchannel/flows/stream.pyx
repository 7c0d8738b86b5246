# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Wanted TCP flows put in order; `stream_py` says the same in plain Python, and why."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memmove

from backchannel.flows.state cimport (
    AFTER_THE_END,
    BYTES_NEVER_SEEN,
    CONFLICTS,
    DATA,
    END,
    GAP,
    GAPS_ACKNOWLEDGED,
    GAPS_AT_END,
    GAPS_BOUND,
    GAPS_WAITED,
    NOT_KNOWN,
    OPENING_DROPPED,
    OUT_OF_WINDOW,
    bump,
    put,
)
from backchannel.wire cimport ahead

cdef enum:
    ACK = 16
    WINDOW = 1 << 30        # no TCP window is larger (RFC 7323 §2.3)
    NODE_COST = 64          # what a waiting segment costs beside its bytes
    SPARE = 8               # bytes of `data` and padding at the end of segment_t


cdef class Streams:
    """What all streams share. The streams themselves are the flows' `half_t`s."""

    def __dealloc__(self):
        free(self.parts)
        free(self.scratch)

    cdef int prepare(self, const bounds_t* bounds, counts_t* counts, out_t* out) except -1:
        """Set what must outlive this object."""
        self.bounds, self.counts, self.out = bounds, counts, out
        self.parts = <part_t*>calloc(bounds.stream_segments + 2, sizeof(part_t))
        self.scratch = <uint8_t*>malloc(bounds.opening_bytes)
        if self.parts == NULL or self.scratch == NULL:
            raise MemoryError
        return 0

    # -- input -------------------------------------------------------------------------------------

    cdef void acknowledge(
        self, uint32_t slot, extra_t* extra, int side, uint32_t ack, bint patient
    ) noexcept nogil:
        """*side*'s bytes before *ack* were received by the other side."""
        cdef half_t* half = &extra.halves[side]
        cdef int distance
        if half.next == NOT_KNOWN or half.ended:
            return
        distance = ahead(ack, <uint32_t>half.next)
        if distance <= 0 or distance >= WINDOW:
            return
        if half.acked == NOT_KNOWN or ahead(ack, <uint32_t>half.acked) > 0:
            half.acked = ack
        if not extra.deliver:
            return
        self.give_up(slot, extra, side, patient)
        self.end(slot, extra, side, patient)

    cdef void fin(self, extra_t* extra, int side, uint32_t seq) noexcept nogil:
        """*side* says that its last byte is the one before *seq*."""
        cdef half_t* half = &extra.halves[side]
        if half.fin == NOT_KNOWN and not half.ended:
            half.fin, half.fin_time = seq, self.out.time

    cdef bint segment(
        self,
        uint32_t slot,
        extra_t* extra,
        int side,
        const packet_t* packet,
        uint32_t seq,
    ) noexcept nogil:
        """*side* sent the bytes of *packet* at *seq*. True where it repeats bytes with other
        content.
        """
        cdef half_t* half = &extra.halves[side]
        cdef const uint8_t* data = packet.payload
        cdef uint32_t size = packet.captured
        cdef bint conflict = False, answers = packet.flags & ACK != 0
        cdef int distance
        cdef uint32_t part, count
        if extra.halves[1 - side].first != NULL and seq == <uint32_t>half.next:
            if extra.halves[1 - side].first.seq == <uint32_t>extra.halves[1 - side].next:
                half.vain = 0  # this is what waits for it
        if half.ended:
            distance = ahead(<uint32_t>half.next, seq)
            if distance < <int>size or distance > <int>remembered(half):
                bump(self.counts, AFTER_THE_END)
            return False
        if half.next == NOT_KNOWN:
            half.next = seq
        if extra.deliver and half.first != NULL:
            self.give_up(slot, extra, side, True)
        distance = ahead(seq, <uint32_t>half.next)
        if distance <= -WINDOW or distance >= WINDOW:
            bump(self.counts, OUT_OF_WINDOW)
            return False
        if size == 1 and distance == -1:
            return False  # a keep-alive repeats one byte, whose value means nothing
        if distance < 0:
            conflict = differs(half, <uint32_t>(-distance), data, size)
            part = min(<uint32_t>(-distance), size)
            data += part
            size -= part
            seq += part
        if (
            size
            and seq == <uint32_t>half.next
            and half.first == NULL
            and extra.deliver
            and not (answers and self.is_early(extra, side, packet.ack))
        ):
            self.data(slot, half, side, data, size, NULL)
        elif size:
            count = self.fresh(half, seq, data, size, &conflict)
            for part in range(count):
                self.keep(
                    slot,
                    extra,
                    side,
                    seq + self.parts[part].at,
                    data + self.parts[part].at,
                    self.parts[part].size,
                    packet,
                )
        if size and extra.deliver:
            if half.first != NULL or extra.halves[1 - side].first != NULL:
                self.drain(slot, extra)
            self.end(slot, extra, 1 - side, True)  # it may have waited for these bytes
        if conflict:
            bump(self.counts, CONFLICTS)
        self.end(slot, extra, side, True)
        return conflict

    cdef bint is_early(self, extra_t* extra, int side, uint32_t ack) noexcept nogil:
        """Whether what *side* sends with *ack* answers bytes that did not come yet."""
        cdef const half_t* other = &extra.halves[1 - side]
        if other.next == NOT_KNOWN or other.ended or other.vain >= VAIN or not self.bounds.answers_wait:
            return False
        return 0 < ahead(ack, <uint32_t>other.next) < WINDOW

    cdef void restart(self, uint32_t slot, extra_t* extra, int side, uint32_t seq) noexcept nogil:
        """*side* goes on at *seq*, far from where it was."""
        cdef half_t* half = &extra.halves[side]
        while extra.deliver and half.first != NULL:
            self.force(slot, extra, side, GAPS_AT_END)
        if half.next != NOT_KNOWN and not half.ended:
            self.gap(slot, half, side, seq - <uint32_t>half.next)
        self.forget(half)
        half.next, half.acked, half.fin = seq, NOT_KNOWN, NOT_KNOWN

    cdef void expire(self, uint32_t slot, extra_t* extra) noexcept nogil:
        """Give up holes that were waited for long enough."""
        cdef int side
        if not extra.deliver:
            return
        for side in range(2):
            self.give_up(slot, extra, side, True)
            self.end(slot, extra, side, True)

    cdef void let_go(self, extra_t* extra) noexcept nogil:
        """Free what was delivered: nothing has come for so long that nothing will repeat it."""
        cdef int side
        for side in range(2):
            self.forget(&extra.halves[side])

    cdef void start(self, uint32_t slot, extra_t* extra) noexcept nogil:
        """Somebody wants the stream: deliver what is in order, in the order in which it came."""
        extra.deliver = True
        self.drain(slot, extra)

    cdef const uint8_t* prefix(self, half_t* half, uint32_t* size) noexcept nogil:
        """Return the bytes that are kept without a hole before them, and how many they are."""
        cdef segment_t* segment = half.first
        size[0] = 0
        if segment != NULL and segment.seq == <uint32_t>half.next and segment.after == NULL:
            size[0] = segment.size
            return segment.data
        while segment != NULL and segment.seq == <uint32_t>half.next + size[0]:
            if size[0] + segment.size > self.bounds.opening_bytes:
                break  # cannot happen: no more is kept
            memcpy(self.scratch + size[0], segment.data, segment.size)
            size[0] += segment.size
            segment = segment.after
        return self.scratch

    cdef uint32_t reach(self, const half_t* half) noexcept nogil:
        """Return how many bytes are kept without a hole before them."""
        cdef const segment_t* segment = half.first
        cdef uint32_t size = 0
        while segment != NULL and segment.seq == <uint32_t>half.next + size:
            size += segment.size
            segment = segment.after
        return size

    cdef void settle(self, half_t* half) noexcept nogil:
        """Nobody wants what is kept of a side."""
        cdef segment_t* segment
        self.used -= half.held
        while half.first != NULL:
            segment = half.first
            half.first = segment.after
            free(segment)
        half.last = NULL
        half.held, half.segments, half.full = 0, 0, False

    cdef void close(self, uint32_t slot, extra_t* extra) noexcept nogil:
        """The flow is over: deliver what waits, in the order in which it came."""
        cdef half_t* halves = extra.halves
        cdef int side
        while extra.deliver and (halves[0].first != NULL or halves[1].first != NULL):
            if halves[0].first == NULL:
                side = 1
            elif halves[1].first == NULL:
                side = 0
            else:
                side = halves[1].first.frame < halves[0].first.frame
            self.force(slot, extra, side, GAPS_AT_END)
        for side in range(2):
            if extra.deliver and halves[side].next != NOT_KNOWN and not halves[side].ended:
                self.tail(slot, &halves[side], side)

    cdef void release(self, extra_t* extra) noexcept nogil:
        """Forget the streams of a flow."""
        cdef int side
        for side in range(2):
            self.settle(&extra.halves[side])
            self.forget(&extra.halves[side])
        free(extra.halves)
        extra.halves, extra.deliver = NULL, False

    # -- holes -------------------------------------------------------------------------------------

    cdef uint32_t fresh(
        self, half_t* half, uint32_t seq, const uint8_t* data, uint32_t size, bint* conflict
    ) noexcept nogil:
        """Fill `parts` with what is not held of *data*; tell whether the rest differs."""
        cdef segment_t* held = half.first
        cdef int64_t begin, end, stop, at = 0
        cdef uint32_t count = 0
        while held != NULL and at < size:
            begin = ahead(held.seq, seq)
            end = begin + held.size
            if end > at:
                if begin >= size:
                    break
                if begin > at:
                    self.parts[count] = part_t(<uint32_t>at, <uint32_t>(begin - at))
                    count += 1
                    at = begin
                stop = min(<int64_t>size, end)
                if memcmp(held.data + (at - begin), data + at, stop - at):
                    conflict[0] = True
                at = stop
            held = held.after
        if at < size:
            self.parts[count] = part_t(<uint32_t>at, <uint32_t>(size - at))
            count += 1
        return count

    cdef void keep(
        self,
        uint32_t slot,
        extra_t* extra,
        int side,
        uint32_t seq,
        const uint8_t* data,
        uint32_t size,
        const packet_t* packet,
    ) noexcept nogil:
        """Deliver bytes of *packet* that nobody holds, or hold them until those before them come."""
        cdef half_t* half = &extra.halves[side]
        cdef segment_t* made
        cdef segment_t** place = &half.first
        cdef uint64_t cost = size + NODE_COST
        cdef bint answers = packet.flags & ACK != 0
        while (
            seq != <uint32_t>half.next
            or not extra.deliver
            or (answers and self.is_early(extra, side, packet.ack))
        ) and not self.fits(extra, half, cost):
            if not extra.deliver:
                bump(self.counts, OPENING_DROPPED)
                half.full = True
                return
            if half.first != NULL and ahead(seq, half.first.seq) > 0:
                self.force(slot, extra, side, GAPS_BOUND)
                continue
            if seq != <uint32_t>half.next:
                bump(self.counts, GAPS_BOUND)
                self.gap(slot, half, side, seq - <uint32_t>half.next)
                half.next = seq
            answers = False
        if (
            extra.deliver
            and seq == <uint32_t>half.next
            and not (answers and self.is_early(extra, side, packet.ack))
        ):
            self.data(slot, half, side, data, size, NULL)
            self.drain(slot, extra)
            return
        made = <segment_t*>malloc(sizeof(segment_t) - SPARE + size)
        if made == NULL:
            self.out.failed = True
            return
        made.seq, made.size, made.time, made.frame = seq, size, self.out.time, self.out.frame
        made.ack, made.answers = packet.ack, answers
        memcpy(made.data, data, size)
        if half.last != NULL and ahead(half.last.seq, seq) < 0:
            place = &half.last.after
        while place[0] != NULL and ahead(place[0].seq, seq) <= 0:
            place = &place[0].after
        made.after, place[0] = place[0], made
        if made.after == NULL:
            half.last = made
        half.held += cost
        half.segments += 1
        self.used += cost

    cdef bint fits(self, extra_t* extra, half_t* half, uint64_t cost) noexcept nogil:
        """Whether one more segment of *cost* may wait."""
        cdef uint64_t bound = self.bounds.opening_bytes
        if extra.deliver:
            bound = self.bounds.stream_bytes
        return (
            half.held + cost <= bound
            and half.segments < self.bounds.stream_segments
            and self.used + cost <= self.bounds.total_bytes
        )

    cdef void give_up(self, uint32_t slot, extra_t* extra, int side, bint patient) noexcept nogil:
        """Make gaps of the holes that nothing is going to fill, and wait for no lost question."""
        cdef half_t* half = &extra.halves[side]
        cdef int64_t waited
        while half.first != NULL:
            waited = self.out.time - half.first.time
            if half.first.seq == <uint32_t>half.next:
                if waited <= self.bounds.late:
                    return
                self.give(slot, extra, side, GAPS_ACKNOWLEDGED)
            elif half.acked != NOT_KNOWN and ahead(<uint32_t>half.acked, half.first.seq) >= 0:
                if patient and waited <= self.bounds.late:
                    return
                self.give(slot, extra, side, GAPS_ACKNOWLEDGED)
            elif waited > self.bounds.hole_wait:
                self.give(slot, extra, side, GAPS_WAITED)
            else:
                return

    cdef void give(self, uint32_t slot, extra_t* extra, int side, int why) noexcept nogil:
        """Deliver the first of what waits, and before it what the other side sent before it."""
        cdef half_t* half = &extra.halves[side]
        cdef half_t* other = &extra.halves[1 - side]
        cdef uint64_t frame = half.first.frame
        cdef uint32_t seq = half.first.seq
        if seq == <uint32_t>half.next and other.vain < VAIN:
            other.vain += 1
        while other.first != NULL and other.first.frame < frame:
            self.force(slot, extra, 1 - side, why)
        if half.first != NULL and half.first.frame == frame and half.first.seq == seq:
            self.force(slot, extra, side, why)

    cdef void skip(self, uint32_t slot, extra_t* extra, int side, int why) noexcept nogil:
        """Make the first hole a gap and deliver what is behind it."""
        cdef half_t* half = &extra.halves[side]
        bump(self.counts, why)
        self.gap(slot, half, side, half.first.seq - <uint32_t>half.next)
        half.next = half.first.seq
        self.drain(slot, extra)

    cdef void force(self, uint32_t slot, extra_t* extra, int side, int why) noexcept nogil:
        """Deliver the first of what waits, whatever it waits for."""
        cdef half_t* half = &extra.halves[side]
        half.first.answers = False
        if half.first.seq != <uint32_t>half.next:
            self.skip(slot, extra, side, why)
        else:
            self.drain(slot, extra)

    cdef void drain(self, uint32_t slot, extra_t* extra) noexcept nogil:
        """Deliver what waits for nothing any more, in the order in which it came."""
        cdef half_t* halves = extra.halves
        cdef bint one, two
        cdef int side
        while True:
            one, two = self.ready(extra, 0), self.ready(extra, 1)
            if not one and not two:
                return
            side = two and (not one or halves[1].first.frame < halves[0].first.frame)
            self.deliver_first(slot, &halves[side], side)

    cdef bint ready(self, extra_t* extra, int side) noexcept nogil:
        """Whether the first of what waits waits for nothing any more."""
        cdef const half_t* half = &extra.halves[side]
        cdef const segment_t* first = half.first
        if first == NULL or first.seq != <uint32_t>half.next:
            return False
        return not (first.answers and self.is_early(extra, side, first.ack))

    cdef void deliver_first(self, uint32_t slot, half_t* half, int side) noexcept nogil:
        """Deliver the first of the segments that wait."""
        cdef segment_t* segment = half.first
        half.first = segment.after
        if half.first == NULL:
            half.last = NULL
        half.held -= segment.size + NODE_COST
        half.segments -= 1
        self.used -= segment.size + NODE_COST
        self.data(slot, half, side, segment.data, segment.size, segment)

    cdef void tail(self, uint32_t slot, half_t* half, int side) noexcept nogil:
        """Bytes before the end that the other side acknowledged and nobody saw; then the end."""
        cdef int64_t last = half.fin
        cdef int distance
        if last == NOT_KNOWN and half.acked != NOT_KNOWN:
            if ahead(<uint32_t>half.acked, <uint32_t>half.next) > 1:
                last = half.acked  # one byte more may be a FIN that was lost
        if last != NOT_KNOWN:
            distance = ahead(<uint32_t>last, <uint32_t>half.next)
            if distance > 0 and distance < WINDOW:
                bump(self.counts, GAPS_AT_END)
                self.gap(slot, half, side, <uint32_t>distance)
                half.next = last
        if half.fin != NOT_KNOWN and half.fin == half.next:
            half.ended = True
            put(self.out, slot, side, END, NULL, 0)

    cdef void end(self, uint32_t slot, extra_t* extra, int side, bint patient) noexcept nogil:
        """Deliver END once the FIN came in order and was acknowledged."""
        cdef half_t* half = &extra.halves[side]
        if half.fin == NOT_KNOWN or half.ended or not extra.deliver or half.first != NULL:
            return
        if ahead(<uint32_t>half.next, <uint32_t>half.fin) > 0:
            half.fin = NOT_KNOWN  # bytes came after it: it was forged
        elif half.acked != NOT_KNOWN and ahead(<uint32_t>half.acked, <uint32_t>half.fin) > 0:
            if patient and half.next != half.fin:
                if self.out.time - half.fin_time <= self.bounds.late:
                    return
            self.tail(slot, half, side)

    # -- output ------------------------------------------------------------------------------------

    cdef void gap(self, uint32_t slot, half_t* half, int side, uint32_t size) noexcept nogil:
        self.forget(half)
        self.counts.fixed[BYTES_NEVER_SEEN] += size
        put(self.out, slot, side, GAP, NULL, size)

    cdef void data(
        self,
        uint32_t slot,
        half_t* half,
        int side,
        const uint8_t* data,
        uint32_t size,
        segment_t* owner,
    ) noexcept nogil:
        """Deliver bytes; *owner* is freed when they have been handed out."""
        half.next = <uint32_t>half.next + size
        put(self.out, slot, side, DATA, data, size)
        if owner != NULL:
            if self.out.failed:
                free(owner)
                return
            self.out.batch[self.out.count - 1].owner = owner
            self.out.batch[self.out.count - 1].time = owner.time
            self.out.batch[self.out.count - 1].frame = owner.frame
        self.remember(half, data, size)

    cdef void remember(self, half_t* half, const uint8_t* data, uint32_t size) noexcept nogil:
        """Append to the history, and let its oldest bytes go."""
        cdef uint32_t most = self.bounds.history_bytes, room = 0, known = remembered(half)
        cdef uint32_t kept = min(known, most - min(most, size))
        cdef history_t* history = half.history
        if size > most:
            data += size - most
            size = most
        if self.used + kept + size > self.bounds.total_bytes + known:
            self.forget(half)
            return
        self.used += kept + size - known
        if history != NULL:
            history.start += known - kept
            history.size, room = kept, history.room
        if history == NULL or history.start + kept + size > room:
            if room < 2 * most:
                room = min(2 * most, max(2 * room, kept + size))
                history = <history_t*>realloc(history, sizeof(history_t) + room)
                if history == NULL:
                    self.out.failed = True
                    return
                if half.history == NULL:
                    history.start = 0
                half.history, history.room = history, room
            if kept:
                memmove(history.data, history.data + history.start, kept)
            history.start = 0
        memcpy(history.data + history.start + kept, data, size)
        history.size = kept + size

    cdef void forget(self, half_t* half) noexcept nogil:
        """Let the history go."""
        self.used -= remembered(half)
        free(half.history)
        half.history = NULL


cdef inline uint32_t remembered(const half_t* half) noexcept nogil:
    """Return how many bytes the history has."""
    return half.history.size if half.history != NULL else 0


cdef bint differs(
    half_t* half, uint32_t distance, const uint8_t* data, uint32_t size
) noexcept nogil:
    """Compare bytes that begin *distance* before the next one with what is remembered."""
    cdef uint32_t known = min(distance, remembered(half)), skip = distance - known, seen
    if not known or size <= skip:
        return False
    seen = min(size, distance) - skip
    return memcmp(
        half.history.data + half.history.start + half.history.size - known, data + skip, seen
    ) != 0
