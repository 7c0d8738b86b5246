# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Queued packets on their way through the packet core; `sift.pyi` says what calls mean."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from backchannel.capture.records cimport Chunk, frame_t
from backchannel.enforce.nfqueue cimport Queue, queued_t
from backchannel.enforce.recent cimport Recent
from backchannel.flows.core cimport FlowCore
from backchannel.flows.slots cimport NOWHERE, find, packets_of, rare_of
from backchannel.flows.state cimport (
    BEGUN,
    CLIENT_HIGH,
    DROPPED,
    INITIAL_0,
    NOT_KNOWN,
    OPENED_0,
    OPENED_1,
    STREAMING,
    TCP,
    USED,
    flow_t,
    half_t,
    join,
    packet_t,
    rare_t,
    rest_t,
)
from backchannel.flows.state cimport WANTED as IS_WANTED
from backchannel.flows.tcp cimport SYN
from backchannel.wire cimport ahead

cdef enum:
    RAW = 101               # link type: an IP packet
    ACCEPT = 1
    K_NONE = 0
    K_UNDECIDED = 1
    K_SETTLED = 2
    K_WANTED = 3
    BUCKETS = 12
    MANY = 2                # SKB_INFO: many segments in one (GSO)
    SIGN = 16               # bytes of a magic that are compared
    BEFORE = 2              # bytes before a magic's pattern that are waited for
    MIDWAY = 64             # packets of a connection met midway in which each side may tell

NONE, UNDECIDED, SETTLED, WANTED = K_NONE, K_UNDECIDED, K_SETTLED, K_WANTED


cdef struct sign_t:
    uint64_t bit            # the protocol
    uint32_t at
    uint32_t size
    uint8_t pattern[SIGN]
    uint8_t mask[SIGN]


cdef class Packet:
    """One queued packet and what the core says of its flow."""

    cdef readonly Queue queue
    cdef readonly uint32_t number
    cdef readonly uint32_t mark
    cdef readonly int hook
    cdef readonly int incoming
    cdef readonly int outgoing
    cdef readonly bint bridged
    cdef readonly bint joined
    cdef readonly int kind
    cdef readonly int64_t slot
    cdef readonly int side
    cdef readonly uint64_t serial
    cdef readonly int protocol
    cdef readonly bint tunnelled
    cdef readonly uint32_t begin
    cdef readonly uint32_t length
    cdef readonly uint32_t acked
    cdef readonly int window
    cdef readonly bint opening
    cdef readonly bint midway
    cdef readonly int ahead
    cdef readonly uint32_t conflicts
    cdef readonly int flags
    cdef readonly uint64_t packets
    cdef const uint8_t* data
    cdef uint32_t size

    @property
    def payload(self):
        """The packet's bytes, from its IP header."""
        return self.data[: self.size]


cdef inline bint joined(const flow_t* flow, const packet_t* packet) noexcept nogil:
    """Whether the packet holds data of a TCP connection whose beginning was not seen."""
    return packet.protocol == TCP and packet.length and not flow.bits & BEGUN


cdef bint begins(const sign_t* sign, const uint8_t* seen, uint32_t size) noexcept nogil:
    """Whether *seen* agrees with a magic in at least one byte, and in all that are here; or ends
    shortly before the first of them.
    """
    cdef uint32_t at
    cdef bint compared = False
    if size <= sign.at:
        return sign.at <= BEFORE
    for at in range(min(sign.size, size - sign.at)):
        if (seen[sign.at + at] ^ sign.pattern[at]) & sign.mask[at]:
            return False
        compared = compared or sign.mask[at] != 0
    return compared


cdef class Sift:
    """Brings packets to the core in order, answers for those that nobody wants."""

    cdef readonly uint64_t passed
    cdef readonly uint64_t settled
    cdef public bint careful
    cdef public bint strict
    cdef sign_t* signs
    cdef uint32_t sign_count
    cdef uint64_t buckets[BUCKETS]
    cdef FlowCore core
    cdef Chunk chunk
    cdef object deliver
    cdef object judge
    cdef uint32_t pass_mark
    cdef uint32_t mask
    cdef uint32_t patience
    cdef public bint unknown
    cdef public Recent recent

    def __cinit__(
        self, FlowCore core not None, deliver, judge, *,
        uint32_t pass_mark, uint32_t mask, int patience=8, bint unknown=True,
    ):
        self.core, self.deliver, self.judge, self.chunk = core, deliver, judge, Chunk()
        self.pass_mark, self.mask = pass_mark, mask
        self.patience, self.unknown = patience, unknown

    def be_wary(self, magics):
        """Have first bytes brought that may become one of *magics*: (protocol's number, magic)."""
        cdef sign_t* signs = <sign_t*>calloc(len(magics) + 1, sizeof(sign_t))
        cdef uint32_t count = 0, size
        if signs == NULL:
            raise MemoryError
        for number, magic in magics:
            if magic.transport == "tcp" and magic.pattern:
                size = min(len(magic.pattern), SIGN)
                pattern, mask = magic.pattern[:size], (magic.mask or b"\xff" * size)[:size]
                signs[count].bit, signs[count].at, signs[count].size = 1 << number, magic.at, size
                memcpy(signs[count].pattern, <const uint8_t*><const char*>pattern, size)
                memcpy(signs[count].mask, <const uint8_t*><const char*>mask, size)
                count += 1
        free(self.signs)
        self.signs, self.sign_count = signs, count

    def __dealloc__(self):
        free(self.signs)

    @property
    def costs(self):
        """Flows decided after 1, 2, 3-4, 5-8, 9-16 ... packets."""
        return [self.buckets[at] for at in range(BUCKETS)]

    def turn(self, Queue queue not None, int64_t now):
        """Take the packets that wait in *queue*; return how many."""
        cdef int at, count = queue.fetch()
        for at in range(count):
            self.bring(queue, &queue.packets[at], now)
        queue.send()
        return count

    def known(self, int64_t slot, int side, uint64_t serial):
        """Return the sequence number up to which a side's bytes are known."""
        if not self.has(slot, serial, STREAMING):
            return -1
        return self.frontier(&self.core.slots.rest[slot].extra.halves[side])

    def initial(self, int64_t slot, int side, uint64_t serial):
        """Return the sequence number of a side's first byte; -1 where it was not seen."""
        if not self.has(slot, serial, INITIAL_0 << side):
            return -1
        return self.core.slots.rest[slot].initial[side]

    def decided(self, uint64_t packets):
        """Note that a flow was decided after *packets*."""
        self.note(packets)

    cdef bint has(self, int64_t slot, uint64_t serial, uint32_t bit) noexcept nogil:
        """Whether the flow of a number is in a slot still, and has a bit."""
        if slot < 0 or slot >= self.core.slots.used:
            return False
        if self.core.slots.flows[slot].bits & (USED | bit) != USED | bit:
            return False
        return self.serial(<uint32_t>slot) == serial

    cdef uint64_t serial(self, uint32_t slot) noexcept nogil:
        """Return the number of the flow in a slot."""
        cdef const rest_t* rest = &self.core.slots.rest[slot]
        return join(rest.serial, rest.serial_high)

    cdef uint64_t packets(self, uint32_t slot) noexcept nogil:
        """Return how many packets the flow in a slot has."""
        cdef const flow_t* flow = &self.core.slots.flows[slot]
        cdef const rare_t* rare = rare_of(&self.core.slots.rest[slot])
        return packets_of(flow, rare, 0) + packets_of(flow, rare, 1)

    cdef int bring(self, Queue queue, queued_t* queued, int64_t now) except -1:
        """Show one packet to the core, and answer for it."""
        cdef frame_t* frame
        cdef const packet_t* packet = &self.core.batch[0]
        cdef flow_t* flow = NULL
        cdef uint32_t slot
        cdef int side = 0, kind, behind = 0
        cdef bint opening, delivered = False
        self.chunk.count = 0
        frame = self.chunk.push()
        frame.data, frame.time, frame.link = queued.payload, now, RAW
        frame.captured, frame.original = queued.size, queued.full
        self.core.feed(self.chunk)
        while batch := self.core.take():
            self.deliver(batch)
            delivered = True
        if packet.good:
            slot = find(self.core.slots, packet)
            if slot != NOWHERE:
                flow = &self.core.slots.flows[slot]
        if flow == NULL:
            if self.unknown:
                queue.answer(queued.id, ACCEPT, False, 0, NULL, 0)
                self.passed += 1
            else:
                self.judge(self.wrap(queue, queued, packet, NULL, 0, 0, K_NONE, 0, False))
            return 0
        if self.recent is not None:
            self.recent.put(self.serial(slot), now, queued.payload, queued.size)
        side = packet.from_high != (flow.bits & CLIENT_HIGH != 0)
        behind = self.behind(slot, side, packet)
        kind = self.classify(slot, packet)
        opening = kind == K_UNDECIDED and self.opening(slot, side, packet)
        if kind == K_UNDECIDED and behind <= 0 and not (
            opening or self.careful or (self.strict and joined(flow, packet))
        ):
            queue.answer(queued.id, ACCEPT, False, 0, NULL, 0)
            self.passed += 1
        elif kind == K_SETTLED and self.unknown and not self.careful and not delivered:
            if packet.context:
                queue.answer(queued.id, ACCEPT, False, 0, NULL, 0)
            else:
                queue.answer(
                    queued.id, ACCEPT, True, queued.mark & ~self.mask | self.pass_mark, NULL, 0
                )
                self.settled += 1
                self.note(self.packets(slot))
            self.passed += 1
        else:
            self.judge(
                self.wrap(queue, queued, packet, flow, slot, side, kind, behind, opening)
            )
        return 0

    cdef int classify(self, uint32_t slot, const packet_t* packet) noexcept nogil:
        """Say what stands with the packet's flow."""
        cdef const flow_t* flow = &self.core.slots.flows[slot]
        cdef const rest_t* rest = &self.core.slots.rest[slot]
        cdef uint32_t tested = flow.tested[0] + flow.tested[1]
        cdef int side
        if flow.bits & DROPPED:
            return K_SETTLED
        if flow.bits & IS_WANTED:
            return K_WANTED
        if tested < self.patience:
            return K_UNDECIDED
        if flow.bits & STREAMING:  # first bytes are kept that may yet fit: did the other side go on?
            for side in range(2):
                if rest.extra.halves[side].first == NULL and flow.tested[side] >= self.patience:
                    return K_SETTLED
            return K_UNDECIDED
        if packet.protocol != TCP or flow.bits & (OPENED_0 | OPENED_1) == OPENED_0 | OPENED_1:
            return K_SETTLED
        if flow.bits & BEGUN:
            tested = max(flow.tested[0], flow.tested[1])
        elif self.packets(slot) < MIDWAY:  # what one side asks next may tell what the other sends
            tested = min(flow.tested[0], flow.tested[1])
        return K_SETTLED if tested >= self.patience else K_UNDECIDED

    cdef bint opening(self, uint32_t slot, int side, const packet_t* packet) noexcept nogil:
        """Whether the packet ends within first bytes that may yet show a protocol to be wary of."""
        cdef const flow_t* flow = &self.core.slots.flows[slot]
        cdef uint64_t maybe = 0
        cdef uint32_t size = 0, at
        cdef const uint8_t* seen
        cdef half_t* half
        if packet.protocol != TCP or not packet.length or not flow.bits & STREAMING:
            return False
        half = &self.core.slots.rest[slot].extra.halves[side]
        if half.first == NULL or flow.payload[1 - side]:  # who answers would have to wait each time
            return False
        self.core.payloads.look_again(half, packet.protocol, False, &maybe)
        seen = self.core.payloads.streams.prefix(half, &size)
        for at in range(self.sign_count):
            if self.signs[at].bit & maybe and begins(&self.signs[at], seen, size):
                return True
        return False

    cdef int behind(self, uint32_t slot, int side, const packet_t* packet) noexcept nogil:
        """Count the bytes up to the packet's end that are not known without a hole yet."""
        cdef int64_t known
        if packet.protocol != TCP or not packet.length:
            return 0
        if not self.core.slots.flows[slot].bits & STREAMING:
            return 0
        known = self.frontier(&self.core.slots.rest[slot].extra.halves[side])
        if known == NOT_KNOWN:
            return 0
        return ahead(packet.seq + (packet.flags & SYN != 0) + packet.length, <uint32_t>known)

    cdef int64_t frontier(self, half_t* half) noexcept nogil:
        """Return the sequence number after the last byte that is known without a hole."""
        cdef uint32_t size = 0
        if half.next == NOT_KNOWN:
            return NOT_KNOWN
        if half.first != NULL and half.first.seq == <uint32_t>half.next:
            self.core.payloads.streams.prefix(half, &size)
        return <uint32_t>(half.next + size)

    cdef void note(self, uint64_t packets) noexcept nogil:
        """Count what a flow cost us."""
        cdef int bucket = 0
        while bucket < BUCKETS - 1 and packets > <uint64_t>1 << bucket:
            bucket += 1
        self.buckets[bucket] += 1

    cdef Packet wrap(
        self, Queue queue, const queued_t* queued, const packet_t* packet, const flow_t* flow,
        uint32_t slot, int side, int kind, int behind, bint opening,
    ):
        """Return what Python judges by."""
        cdef Packet made = Packet.__new__(Packet)
        made.queue, made.number, made.mark, made.hook = queue, queued.id, queued.mark, queued.hook
        made.incoming, made.outgoing = queued.incoming, queued.outgoing
        made.bridged, made.joined = queued.bridged, queued.flags & MANY != 0
        made.data, made.size = queued.payload, queued.size
        made.kind, made.side, made.ahead, made.slot = kind, side, behind, -1
        made.opening = opening
        if packet.good:
            made.protocol, made.flags, made.length = packet.protocol, packet.flags, packet.length
            made.tunnelled = packet.context != 0
            made.acked, made.window = packet.ack, packet.window
            made.begin = packet.seq + (packet.protocol == TCP and packet.flags & SYN != 0)
        if flow != NULL:
            made.slot, made.serial = slot, self.serial(slot)
            made.midway = self.strict and joined(flow, packet)
            made.packets = self.packets(slot)
            if self.core.slots.rest[slot].extra != NULL:
                made.conflicts = self.core.slots.rest[slot].extra.conflicts
        return made
