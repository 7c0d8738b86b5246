# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The packet core; `core.pyi` says what every call means, `core_py` does the same in Python.

Packets go through in batches of BATCH, in three passes, so that the waits for memory overlap:
decode, and fetch the entry of the index; read the entry, and fetch the flow; handle. The last pass
stops after each packet that has something to deliver, and goes on there at the next `advance`.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from backchannel.flows import counters as words
from backchannel.flows.columns import columns
from backchannel.flows.expect import normal
from backchannel.flows.delivery import (
    CLOSED,
    DATA,
    END,
    EVICTED,
    FINISHED,
    GAP,
    IDLE,
    REUSED,
    Delivery,
)
from backchannel.flows.settings import FlowSettings

from backchannel.capture.records cimport frame_t
cimport backchannel.flows.state as c
from backchannel.flows.announced cimport RECENT
from backchannel.flows.match cimport Matcher
from backchannel.flows.payloads cimport segment, settled
from backchannel.flows.rows cimport make_ends, make_info, make_row
from backchannel.flows.slots cimport (
    MOST_PACKETS,
    NOWHERE,
    bytes_of,
    find,
    guess,
    hash_of,
    holds,
    idle,
    packets_of,
    rare_of,
    turn,
)
from backchannel.flows.state cimport (
    ANY_STRAYS,
    BEGUN,
    CLIENT_HIGH,
    DROPPED,
    FLOWS_EVICTED,
    GOOD,
    KNOWN_0,
    KNOWN_1,
    LEAVING,
    MAX_TOKENS,
    NUMBERED,
    OPENED_0,
    PENDING,
    PROTECTED,
    QUIET_0,
    QUIET_1,
    RELEASED,
    RESET,
    STREAMING,
    TCP,
    UDP,
    USED,
    WANTED,
    bump,
    delivery_t,
    extra_t,
    join,
    put,
    rare_t,
    rest_t,
)
from backchannel.flows.tcp cimport FIN, NOT_OPENED, RST, SYN, begin, reopens
from backchannel.wire cimport prefetch

cdef enum:
    STEPS = 16              # flows the expiry hand looks at after each BATCH packets
    SWEEP = 65536           # flows it looks at when time passes without packets
    SECOND = 1000000000
    MILLISECOND = 1000000
    ICMP = 1
    ICMP6 = 58
    HEADERS = 54            # bytes of Ethernet, IPv4 and TCP: the next cache line if not the same
    ORDINARY = KNOWN_0 | KNOWN_1
    UNUSUAL = PENDING | STREAMING | ANY_STRAYS | RESET

__all__ = [
    "CLOSED",
    "DATA",
    "END",
    "EVICTED",
    "FINISHED",
    "GAP",
    "IDLE",
    "REUSED",
    "Delivery",
    "FlowCore",
]


cdef class FlowCore(Deliverer):
    """The flow table and everything under it."""

    def __cinit__(
        self,
        magics,
        settings=FlowSettings(),
        names=(),
        everything=False,
        *,
        name_gated=(),
        collect=False,
    ):
        set_bounds(&self.bounds, settings)
        self.first_time = INT64_MAX
        self.due, self.carried = Due(), []
        self.decoder, self.slots = Decoder(), Slots()
        self.payloads, self.announced = Payloads(), Announced()
        self.decoder.prepare(&self.bounds, &self.counts)
        self.slots.prepare(&self.bounds, &self.out)
        self.payloads.prepare(&self.bounds, &self.counts, &self.out, self.slots)
        self.payloads.matcher = Matcher(magics, names, name_gated, everything=everything)
        self.announced.prepare(settings.expectations, &self.counts)
        self.closed = Closed() if collect else None

    def __dealloc__(self):
        cdef uint32_t at
        if self.payloads is not None and self.slots is not None:
            for at in range(self.slots.used):
                if not self.slots.extras:
                    break
                self.payloads.forget(at)
        for at in range(self.out.count):
            free(self.out.batch[at].owner)
        free(self.out.batch)
        free(self.handed)

    # -- the border --------------------------------------------------------------------------------

    def feed(self, Chunk chunk not None):
        """Take the next packets; then call `take` until it returns []."""
        if self.chunk is not None or self.ended:
            raise ValueError("take() what was fed before")
        self.chunk, self.position = chunk, 0

    def take(self):
        """Return the deliveries of the next packet (or step of expiry) that has any, or []."""
        cdef list out = []
        cdef Due due
        for _ in range(self.advance()):
            due = self.bring()
            out.append((due.slot, due.side, due.kind, due.time, due.frame, due.payload))
        return out

    cpdef int advance(self) except -1:
        """Go on to the next packet (or step of expiry) that has deliveries, for `bring`."""
        cdef uint32_t at
        for at in range(self.leaving_count):
            self.vacate(self.leaving[at])
        self.leaving_count = 0
        if self.batch_at < self.batch_size and not self.hand_moves:
            self.handle()  # a few packets: not worth giving up the interpreter lock
        if not self.out.count:
            with nogil:
                self.run()
        if self.closed is not None and self.closed.failed:
            raise MemoryError
        if self.out.failed or self.decoder.fragments.failed or self.decoder.contexts.failed:
            raise MemoryError
        if not self.out.count:
            self.chunk = self.due.payload = None
            return 0
        self.hand_over()
        return self.handed_count

    cpdef Due bring(self):
        """Return the next of its deliveries, in one object that is filled anew."""
        cdef uint32_t at = self.handed_at
        cdef Due due = self.due
        if at == self.handed_count:
            raise IndexError("behind the last delivery")
        made = &self.handed[at]
        self.handed_at = at + 1
        due.slot, due.side, due.kind = made.slot, made.side, made.kind
        due.time, due.frame = made.time, made.frame
        due.payload, self.carried[at] = self.carried[at], None
        return due

    def match(self, magics, names=(), everything=False, *, name_gated=()):
        """From now on compare payloads with these."""
        self.payloads.matcher = Matcher(magics, names, name_gated, everything=everything)

    def expire(self, int64_t now):
        """Time has passed without packets; then call `take` until it returns []."""
        if self.chunk is not None or self.ended:
            raise ValueError("take() what was fed before")
        self.out.time = max(self.out.time, now)
        self.sweep = min(<uint32_t>SWEEP, self.slots.used) // STEPS + 1

    def finish(self):
        """The input has ended: end all flows; then call `take` until it returns []."""
        if self.chunk is not None or self.ended:
            raise ValueError("take() what was fed before")
        self.ended = True
        self.decoder.fragments.finish()

    def row(self, uint32_t flow):
        """Return what is known of the flow in a slot: live, or CLOSED in the last batch taken."""
        self.get(flow)
        return make_row(self.slots, flow, self.decoder.contexts)

    def info(self, uint32_t flow):
        """Return who talks with whom in the flow in a slot."""
        self.get(flow)
        return make_info(self.slots, flow, self.decoder.contexts)

    def whole(self, uint32_t flow):
        """Return whether deliveries of the flow in a slot began with its first byte."""
        cdef bint begun = self.get(flow).bits & c.BEGUN
        cdef const extra_t* extra = self.slots.rest[flow].extra
        return begun and not (extra != NULL and (extra.missed[0] or extra.missed[1]))

    def figures(self, uint32_t flow):
        """Return packets, bytes and the first and last time of the flow in a slot."""
        cdef const flow_t* found = self.get(flow)
        cdef const rare_t* rare = rare_of(&self.slots.rest[flow])
        return (
            packets_of(found, rare, 0) + packets_of(found, rare, 1),
            bytes_of(found, rare, 0) + bytes_of(found, rare, 1),
            self.slots.rest[flow].first_time,
            found.last_time,
        )

    def volume(self, uint32_t flow):
        """Return the bytes that both sides of the flow in a slot have sent so far."""
        cdef const flow_t* found = self.get(flow)
        cdef const rare_t* rare = rare_of(&self.slots.rest[flow])
        return bytes_of(found, rare, 0) + bytes_of(found, rare, 1)

    def hits(self, uint32_t flow):
        """Return the bit mask of the protocols whose magic matched so far."""
        cdef const extra_t* extra
        self.get(flow)
        extra = self.slots.rest[flow].extra
        return extra.hits if extra != NULL else 0

    def fitting(self, transport, payload, *, begun=True, number=0):
        """Return the protocols whose magic fits these bytes of any stream, most telling first."""
        return self.payloads.matcher.fitting(transport, payload, begun, number)

    def drop(self, uint32_t flow):
        """Deliver no more of this flow but its CLOSED."""
        cdef flow_t* found = self.get(flow)
        found.bits |= DROPPED | QUIET_0 | QUIET_1
        self.payloads.stop(flow)

    def release(self, uint32_t flow):
        """Compare what follows of this flow with the magics again, as if nothing had matched."""
        cdef flow_t* found = self.get(flow)
        cdef int side
        if found.bits & (WANTED | LEAVING) != WANTED:
            return
        self.payloads.stop(flow)
        found.bits = found.bits & ~(WANTED | DROPPED | QUIET_0 | QUIET_1) | RELEASED
        for side in range(2):
            if found.payload[side]:  # its first bytes are over
                found.bits |= OPENED_0 << side

    def keep(self, uint32_t flow):
        """Let this flow be idle for as long as its `*_wanted_idle`: what it speaks is proved."""
        self.get(flow).bits |= c.KEPT

    def want(self, uint32_t flow):
        """Deliver this flow from now on."""
        cdef flow_t* found = self.get(flow)
        found.bits &= ~(DROPPED | QUIET_0 | QUIET_1)
        if not found.bits & LEAVING:
            self.payloads.want(flow)

    def expect(self, token, transport, address, port, source, until):
        """Want every flow to *address*:*port* from *source* that begins before *until*."""
        cdef uint32_t at, slot, listening = port
        cdef const flow_t* flow
        cdef const rest_t* rest
        if not (address or port or source):
            raise ValueError("an expectation must name something")
        key = transport, normal(address), port
        self.announced.expectations.add(token, key, normal(source), until)
        if self.delivered >= self.out.frame:
            return
        for at in range(RECENT):
            slot = self.announced.recent[at].slot
            flow, rest = &self.slots.flows[slot], &self.slots.rest[slot]
            if not self.announced.recent[at].serial:
                continue
            if join(rest.serial, rest.serial_high) != self.announced.recent[at].serial:
                continue
            if flow.bits & (USED | LEAVING) != USED:
                continue
            if join(rest.first_frame, rest.first_frame_high) < self.delivered:
                continue
            if not listening or listening in (flow.high >> 48, flow.high >> 32 & 0xFFFF):
                self.fulfil(slot)

    def forget(self, token):
        """Expect this no longer."""
        self.announced.expectations.forget(token)

    def counters(self):
        """Return what could not be seen, kept or understood, by name; only what is not 0."""
        out = {name: self.counts.fixed[at] for at, name in enumerate(words.COUNTED)}
        for at in range(self.counts.names):
            named = self.counts.named[at]
            out[words.NUMBERED[named.kind].format(named.value)] = named.count
        for at in range(NUMBERED):
            out[words.other(words.NUMBERED[at])] = self.counts.other[at]
        return {name: out[name] for name in sorted(out) if out[name]}

    def totals(self):
        """Return `packets bytes flows first_time last_time`."""
        return {
            "packets": self.frame,
            "bytes": self.octets,
            "flows": self.serial,
            "first_time": self.first_time if self.frame else 0,
            "last_time": self.last_time,
        }

    def columns(self):
        """Return the flows that ended since the last call as columns of equal length."""
        if self.closed is None:
            return columns([])
        return self.closed.columns(self.decoder.contexts)

    # -- steps -------------------------------------------------------------------------------------

    cdef void run(self) noexcept nogil:
        """Go on until there is something to deliver, or nothing more to do."""
        while not self.out.count and not self.out.failed:
            if self.hand_moves:
                self.hand_moves = False
                self.move_hand()
            elif self.batch_at < self.batch_size:
                self.handle()
            elif self.refill():
                continue
            elif self.sweep:
                self.sweep -= 1
                self.move_hand()
            else:
                if not self.ended or self.cursor >= self.slots.used:
                    return
                if self.slots.flows[self.cursor].bits & (USED | LEAVING) == USED:
                    self.finish_flow(self.cursor)
                self.cursor += 1

    cdef void handle(self) noexcept nogil:
        """Go through the batch up to its end, or to the first packet that has deliveries."""
        cdef uint32_t at = self.batch_at, size = self.batch_size
        cdef const packet_t* packet
        while at < size:
            packet = &self.batch[at]
            at += 1
            if packet.good == GOOD and carries_on(self.slots, packet):
                continue
            self.out.time, self.out.frame = packet.time, packet.frame
            if packet.good == PROTECTED:
                self.packet(&self.decoder.protectors[at - 1])
            if packet.good:
                self.packet(packet)
            if self.out.count or self.out.failed:
                break
        self.batch_at = at
        packet = &self.batch[at - 1]
        self.out.time, self.out.frame = packet.time, packet.frame
        self.hand_moves = self.out.frame % BATCH == 0

    cdef bint refill(self) noexcept nogil:
        """Decode the next packets, and fetch what they will need. False: the chunk is used up."""
        cdef uint32_t at, size
        cdef Py_ssize_t left
        cdef const frame_t* frames
        cdef uint64_t octets = 0
        cdef int64_t first = self.first_time, last = self.last_time
        cdef const flow_t* flows
        cdef const uint64_t* index
        cdef uint64_t mask
        if self.ended or <void*>self.chunk == <void*>None:
            return False
        left = self.chunk.count - self.position
        if not left:
            return False
        self.decoder.fragments.release()
        size = <uint32_t>min(left, <Py_ssize_t>(BATCH - self.frame % BATCH))
        frames = &self.chunk.frames[self.position]
        for at in range(size):
            prefetch(frames[at].data)
            prefetch(frames[at].data + HEADERS)
            octets += frames[at].captured
            first, last = min(first, frames[at].time), max(last, frames[at].time)
        self.decoder.decode(
            frames, self.batch, size, self.frame + 1, self.slots.index, self.slots.mask
        )
        self.first_time, self.last_time = first, last
        self.octets += octets
        self.frame += size
        self.position += size
        self.batch_at, self.batch_size = 0, size
        flows, index, mask = self.slots.flows, self.slots.index, self.slots.mask
        for at in range(size):
            if self.batch[at].good:
                guess(flows, index, mask, &self.batch[at])
        return True

    cdef void packet(self, const packet_t* packet) noexcept nogil:
        """Count a packet to its flow, and deliver what is wanted of it."""
        cdef uint32_t slot = find(self.slots, packet)
        cdef int side, opened = NOT_OPENED
        cdef flow_t* flow
        if slot != NOWHERE:
            flow = &self.slots.flows[slot]
            if idle(&self.bounds, flow, packet.time):
                self.close(slot, c.IDLE)
                slot = NOWHERE
            elif packet.protocol == TCP and (packet.flags & SYN or flow.bits & PENDING):
                side = packet.from_high != (flow.bits & CLIENT_HIGH != 0)
                opened = reopens(&self.bounds, self.slots, slot, packet, side)
                if opened != NOT_OPENED:
                    self.close(slot, c.REUSED)
                    slot = NOWHERE
        if slot == NOWHERE:
            slot = self.create(packet, opened)
            if slot == NOWHERE:
                return
        flow = &self.slots.flows[slot]
        side = packet.from_high != (flow.bits & CLIENT_HIGH != 0)
        count(flow, side, packet)
        if packet.protocol == TCP:
            segment(self.payloads, slot, flow, side, packet)
        elif packet.captured and not settled(self.payloads, flow, side):
            self.payloads.datagram(slot, flow, side, packet)
        flow.payload[side] += packet.length
        if flow.packets[side] >= MOST_PACKETS:
            self.slots.add_up(slot, side)

    cdef uint32_t create(self, const packet_t* packet, int opened) noexcept nogil:
        """Begin a flow; make room for it where there is none."""
        cdef uint32_t slot
        cdef flow_t* flow
        cdef rest_t* rest
        if self.slots.count >= self.bounds.max_flows:
            bump(&self.counts, FLOWS_EVICTED)
            self.close(self.slots.victim(), c.EVICTED)
        slot = self.slots.add(packet)
        if slot == NOWHERE:
            self.out.failed = True
            return slot
        flow, rest = &self.slots.flows[slot], &self.slots.rest[slot]
        self.serial += 1
        rest.serial = <uint32_t>self.serial
        rest.serial_high = <uint16_t>(self.serial >> 32)
        rest.first_frame = <uint32_t>packet.frame
        rest.first_frame_high = <uint16_t>(packet.frame >> 32)
        rest.first_time = flow.last_time = packet.time
        if packet.protocol == ICMP or packet.protocol == ICMP6:
            flow.flags[0], flow.flags[1] = packet.payload[0], packet.payload[1]
        begin(self.slots, slot, packet, opened)
        self.announced.remember(self.serial, slot)
        if self.announced.may_hold(packet):
            with gil:
                self.fulfil(slot)
        return slot

    cdef void close(self, uint32_t slot, int reason) noexcept nogil:
        """End a flow: deliver what waits, then CLOSED, if anybody wants it."""
        cdef flow_t* flow = &self.slots.flows[slot]
        cdef extra_t* extra
        if reason != c.FINISHED:  # nobody looks into the index then
            self.slots.unlink(slot)
        if flow.bits & STREAMING:
            extra = self.slots.rest[slot].extra
            if flow.bits & (WANTED | DROPPED) == WANTED and not extra.deliver:
                self.payloads.streams.start(slot, extra)
            self.payloads.streams.close(slot, extra)
            self.payloads.stop(slot)
        if <void*>self.closed != <void*>None:
            self.closed.add(self.slots, slot)
        if flow.bits & (WANTED | RELEASED):
            flow.bits |= LEAVING
            put(&self.out, slot, 0, c.CLOSED, NULL, reason)
            self.leaving[self.leaving_count] = slot
            self.leaving_count += 1
        else:
            self.vacate(slot)

    cdef void finish_flow(self, uint32_t slot) noexcept nogil:
        """End a flow because the input has ended; what that tells belongs to its last packet."""
        cdef const flow_t* flow = &self.slots.flows[slot]
        self.out.time = flow.last_time
        self.out.frame = join(flow.last_frame, flow.last_frame_high)
        self.close(slot, c.FINISHED)

    cdef void move_hand(self) noexcept nogil:
        """End what was idle for too long among the next flows under the expiry hand."""
        cdef uint32_t due[STEPS]    # flows that are over, or may wait for bytes too long
        cdef bint over[STEPS]
        cdef uint32_t step, slot, waits, count = 0
        cdef int64_t silence
        cdef const flow_t* flow
        cdef extra_t* extra
        for step in range(min(<uint32_t>STEPS, self.slots.used)):
            slot = turn(self.slots)
            if slot == NOWHERE:
                continue
            flow = &self.slots.flows[slot]
            waits = flow.bits & (STREAMING | WANTED)
            if self.out.time - flow.last_time <= self.bounds.least_idle:
                if waits != STREAMING | WANTED:
                    continue
                over[count] = False
            else:
                over[count] = idle(&self.bounds, flow, self.out.time)
                if not over[count] and not waits & STREAMING:
                    continue
                prefetch(&self.slots.rest[slot])
                if over[count]:
                    prefetch(&self.slots.index[hash_of(self.slots, flow) & self.slots.mask])
            due[count] = slot
            count += 1
        for step in range(count):
            slot = due[step]
            flow, extra = &self.slots.flows[slot], self.slots.rest[slot].extra
            silence = self.out.time - flow.last_time
            if over[step]:
                self.close(slot, c.IDLE)
            elif flow.bits & WANTED:
                self.payloads.streams.expire(slot, extra)
                if silence > self.bounds.history_idle:
                    self.payloads.streams.let_go(extra)
            elif silence > self.bounds.hole_wait:
                self.payloads.give_up(slot)

    cdef void vacate(self, uint32_t slot) noexcept nogil:
        """Let the slot of a flow that ended be used again."""
        self.payloads.forget(slot)
        self.slots.vacate(slot)

    # -- between C and Python ----------------------------------------------------------------------

    cdef int hand_over(self) except -1:
        """Take over the deliveries that are due, and free what carried them."""
        cdef uint32_t at, count = self.out.count
        cdef delivery_t* made
        self.handed_at = self.handed_count = 0
        self.delivered = self.out.batch[0].frame
        for at in range(count):
            made = &self.out.batch[at]
            self.delivered = min(self.delivered, made.frame)
            payload = made.data[: made.value] if made.kind == c.DATA else made.value
            if at < <uint32_t>len(self.carried):
                self.carried[at] = payload
            else:
                self.carried.append(payload)
            if made.owner != NULL:
                free(made.owner)
                made.owner = NULL
        self.out.count, self.handed_count = 0, count
        self.handed, self.out.batch = self.out.batch, self.handed
        self.handed_room, self.out.room = self.out.room, self.handed_room
        return 0

    cdef flow_t* get(self, uint32_t slot) except NULL:
        """Return a flow that can be asked for."""
        if slot >= self.slots.used or not self.slots.flows[slot].bits & USED:
            raise KeyError(slot)
        return &self.slots.flows[slot]

    cdef list expected(self, uint32_t slot):
        """Return the tokens of the expectations that a flow fulfils."""
        cdef const flow_t* flow = &self.slots.flows[slot]
        cdef int protocol = <uint8_t>flow.high
        match, time = self.announced.expectations.match, self.slots.rest[slot].first_time
        transport = "tcp" if protocol == TCP else "udp" if protocol == UDP else "ip"
        client, server = make_ends(self.slots, slot)
        found = set(match(transport, client.address, server.address, server.port, time))
        if protocol != TCP or not flow.bits & BEGUN:
            found.update(match(transport, server.address, client.address, client.port, time))
        return sorted(found)

    cdef int fulfil(self, uint32_t slot) except -1:
        """Want a flow, and note for what, if somebody waits for it."""
        cdef extra_t* extra
        tokens = self.expected(slot)
        if not tokens:
            return 0
        extra = self.payloads.want(slot)
        if extra == NULL:
            raise MemoryError
        if extra.tokens == NULL:
            extra.tokens = <int64_t*>calloc(MAX_TOKENS, sizeof(int64_t))
            if extra.tokens == NULL:
                raise MemoryError
        held = {extra.tokens[at] for at in range(extra.token_count)}
        for token in tokens:
            if token not in held and extra.token_count < MAX_TOKENS:
                extra.tokens[extra.token_count] = token
                extra.token_count += 1
        return 0


cdef inline void count(flow_t* flow, int side, const packet_t* packet) noexcept nogil:
    """Count a packet to its flow; its payload is counted when it was dealt with."""
    flow.last_time = max(flow.last_time, packet.time)
    flow.last_frame = <uint32_t>packet.frame
    flow.last_frame_high = <uint16_t>(packet.frame >> 32)
    flow.packets[side] += 1
    flow.bytes[side] += packet.size


cdef inline bint carries_on(Slots slots, const packet_t* packet) noexcept nogil:
    """Whether a packet, which then is counted, does no more than to carry its flow on. Most do."""
    cdef flow_t* flow
    cdef int side
    if not packet.candidate or not holds(slots, packet.candidate - 1, packet):
        return False
    flow = &slots.flows[packet.candidate - 1]
    side = packet.from_high != (flow.bits & CLIENT_HIGH != 0)
    if packet.time - flow.last_time > slots.bounds.least_idle:
        return False
    if flow.packets[side] >= MOST_PACKETS - 1:
        return False
    if packet.length and not flow.bits & (QUIET_0 << side):
        return False
    if packet.protocol == TCP:
        if packet.flags & (FIN | SYN | RST) or not packet.window:
            return False
        if flow.bits & (ORDINARY | UNUSUAL) != ORDINARY:
            return False
        if packet.length and packet.seq != flow.next[side]:
            return False
        flow.next[side] += packet.length
        flow.flags[side] |= packet.flags
    count(flow, side, packet)
    flow.payload[side] += packet.length
    return True


cdef int set_bounds(bounds_t* bounds, settings) except -1:
    """Lay the settings out for the compiled rooms."""
    bounds.opening_idle = settings.opening_idle * SECOND
    bounds.closed_idle = settings.closed_idle * SECOND
    idles = (
        (settings.tcp_idle, settings.udp_idle, settings.other_idle),
        (settings.tcp_unproved_idle, settings.udp_idle, settings.other_idle),
        (settings.tcp_wanted_idle, settings.udp_wanted_idle, settings.other_wanted_idle),
    )
    for known in range(3):
        for kind in range(3):
            bounds.idle[known][kind] = idles[known][kind] * SECOND
    least = min(settings.opening_idle, settings.closed_idle, *idles[0], *idles[1], *idles[2])
    least = min(least, settings.hole_wait)
    bounds.least_idle = least * SECOND
    bounds.hole_wait = settings.hole_wait * SECOND
    bounds.history_idle = settings.history_idle * SECOND
    bounds.late = settings.late_ms * MILLISECOND
    bounds.fragment_wait = settings.fragment_wait * SECOND
    bounds.key[0], bounds.key[1] = settings.key, settings.key * 0xD1342543DE82EF95 % (1 << 64) | 1
    bounds.max_flows, bounds.total_bytes = settings.max_flows, settings.total_bytes
    bounds.fragment_bytes, bounds.fragments = settings.fragment_bytes, settings.fragments
    bounds.fragment_parts, bounds.depth = settings.fragment_parts, settings.tunnel_depth
    bounds.ah, bounds.vlans = settings.ah, settings.vlans
    bounds.answers_wait = settings.answers_wait
    bounds.contexts, bounds.payloads = settings.contexts, settings.payloads
    bounds.stream_bytes, bounds.stream_segments = settings.stream_bytes, settings.stream_segments
    bounds.opening_bytes, bounds.history_bytes = settings.opening_bytes, settings.history_bytes
    return 0
