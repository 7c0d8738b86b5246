"""The packet core in plain Python: the oracle of the compiled one, and its stand-in.

`core.pyi` says what every call means. Read this one to know what the core does; the compiled
rooms do the same, in the same order, for many packets at a time.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from backchannel.capture.records_py import Chunk
from backchannel.flows import row as rows
from backchannel.flows.decode_py import TCP, UDP, Decoder, Packet
from backchannel.flows.delivery import (
    CLOSED,
    DATA,
    EVICTED,
    FINISHED,
    IDLE,
    REUSED,
    Delivery,
)
from backchannel.flows.expect_py import Expectation, Expectations
from backchannel.flows.fragments_py import Fragments
from backchannel.flows.match_py import Matcher
from backchannel.flows.row import FlowRow
from backchannel.flows.settings import FlowSettings
from backchannel.flows.stream_py import SECOND, WINDOW, Budget, Out, Stream, ahead
from backchannel.model import Endpoint

if TYPE_CHECKING:
    from backchannel.protocols import Magic

FIN, SYN, RST, ACK = 1, 2, 4, 16
ROUND = 32
"""Packets after which the expiry hand moves on."""
STEPS = 16
"""Flows the hand looks at in each round, and among which the one to be evicted is chosen."""
RESET_WINDOW = 1 << 20
STRAYS = 4
"""Segments out of window, one after another, after which a side is believed to be there."""
RECENT = 1024
"""Flows that an expectation looks back on."""
MAX_TOKENS = 8


class Flow:
    """One flow. Pairs are (low end of the key, high end) until `client` says which is which."""

    def __init__(self, serial: int, packet: Packet, key: Any, time: int, frame: int) -> None:
        self.serial, self.key, self.protocol = serial, key, packet.protocol
        self.context, self.types = packet.context, packet.types
        self.client = 0
        self.begun = False
        self.wanted = self.dropped = False
        self.hits = 0
        self.expected: list[int] = []
        self.first_time = self.last_time = time
        self.first_frame = self.last_frame = frame
        self.packets, self.bytes, self.payload = [0, 0], [0, 0], [0, 0]
        self.missed = [0, 0]
        self.tested = [0, 0]
        self.tcp_flags = [0, 0]
        self.reset = False
        self.finished = [False, False]
        self.initial = [-1, -1]  # sequence number of the first byte, where it was seen to begin
        self.next = [-1, -1]  # after the furthest byte seen
        self.opened = [False, False]
        self.strays = [0, 0]
        self.holes = [0, 0]
        self.pending: tuple[int, int] | None = None  # (side, sequence number) of another SYN
        self.retransmissions = self.out_of_order = self.zero_windows = 0
        self.conflicts = 0
        self.stream: Stream | None = None

    @property
    def closed(self) -> bool:
        """Whether both sides are through with it."""
        return self.reset or all(self.finished)

    @property
    def opening(self) -> bool:
        """Whether only one side has spoken, and only its SYN."""
        flags = self.tcp_flags
        return (
            not (flags[0] and flags[1])
            and bool((flags[0] | flags[1]) & SYN)
            and not any(self.payload)
        )


class FlowCore:
    """The flow table and everything under it."""

    def __init__(
        self,
        magics: "Sequence[tuple[int, Magic]]",
        settings: FlowSettings = FlowSettings(),  # noqa: B008 - frozen
        names: Sequence[str] = (),
        everything: bool = False,
        *,
        name_gated: Sequence[int] = (),
        collect: bool = False,
    ) -> None:
        self._settings = settings
        self._counted: Counter[str] = Counter()
        self._fragments = Fragments(settings, self._count)
        self._decoder = Decoder(self._count, self._fragments, settings.tunnel_depth)
        self._matcher = Matcher(magics, names, name_gated, everything=everything)
        self._expectations = Expectations(settings.expectations, self._count)
        self._budget = Budget(settings.total_bytes)
        self._flows: list[Flow | None] = []
        self._free: list[int] = []
        self._index: dict[Any, int] = {}
        self._contexts: set[Any] = set()
        self._leaving: dict[int, Flow] = {}
        self._recent: deque[tuple[int, int]] = deque(maxlen=RECENT)  # slot, serial
        self._hand = self._serial = 0
        self._packets: Iterator[tuple[int, int, memoryview, int]] | None = None
        self._ended = self._round = False
        self._cursor = 0
        self._out = Out()
        self._delivered = 0
        self._total = dict.fromkeys(("packets", "bytes", "flows", "first_time", "last_time"), 0)
        self._rows: list[FlowRow] | None = [] if collect else None

    # -- the border ----------------------------------------------------------------------------

    def feed(self, chunk: Chunk) -> None:
        """Take the next packets; then call `take` until it returns []."""
        if self._packets is not None or self._ended:
            raise ValueError("take() what was fed before")
        self._packets = iter(chunk)

    def take(self) -> list[Delivery]:
        """Return the deliveries of the next packet (or step of expiry) that has any, or []."""
        for slot in self._leaving:
            self._flows[slot] = None
            self._free.append(slot)
        self._leaving.clear()
        while not self._out.batch and self._step():
            pass
        out, self._out.batch = self._out.batch, []
        if out:
            self._delivered = min(delivery[4] for delivery in out)
        return out

    def finish(self) -> None:
        """The input has ended: end all flows; then call `take` until it returns []."""
        if self._packets is not None or self._ended:
            raise ValueError("take() what was fed before")
        self._ended = True
        self._fragments.finish()

    def row(self, flow: int) -> FlowRow:
        """Return what is known of the flow in a slot: live, or CLOSED in the last batch taken."""
        return self._row(self._get(flow))

    def drop(self, flow: int) -> None:
        """Deliver no more of this flow but its CLOSED."""
        found = self._get(flow)
        found.dropped = True
        if found.stream is not None:
            found.stream.free()
            found.stream = None

    def want(self, flow: int) -> None:
        """Deliver this flow from now on."""
        found = self._get(flow)
        found.dropped = False
        if flow not in self._leaving:
            self._want(found)

    def expect(  # noqa: PLR0917 - one announcement
        self, token: int, transport: str, address: str, port: int, source: str, until: int
    ) -> None:
        """Want every flow to *address*:*port* from *source* that begins before *until*."""
        if not (address or port or source):
            raise ValueError("an expectation must name something")
        key = (transport, _normal(address), port)
        made = self._expectations.add(token, key, _normal(source), until)
        if self._delivered < self._out.frame:
            self._look_back(made)

    def forget(self, token: int) -> None:
        """Expect this no longer."""
        self._expectations.forget(token)

    def counters(self) -> dict[str, int]:
        """Return what could not be seen, kept or understood, by name; only what is not 0."""
        return {name: self._counted[name] for name in sorted(self._counted) if self._counted[name]}

    def totals(self) -> dict[str, int]:
        """Return `packets bytes flows first_time last_time`."""
        return dict(self._total)

    def columns(self) -> dict[str, Any]:
        """Return the flows that ended since the last call as columns of equal length."""
        from backchannel.flows.columns import columns  # noqa: PLC0415 - only where asked

        done, self._rows = self._rows or [], None if self._rows is None else []
        return columns(done)

    # -- steps ---------------------------------------------------------------------------------

    def _count(self, name: str, number: int = 1) -> None:
        self._counted[name] += number

    def _get(self, slot: int) -> Flow:
        flow = self._flows[slot] if 0 <= slot < len(self._flows) else None
        if flow is None:
            raise KeyError(slot)
        return flow

    def _step(self) -> bool:
        """Handle one packet, one move of the hand, or one flow's end. False: nothing is left."""
        if self._round:
            self._round = False
            self._turn()
            return True
        if self._packets is not None:
            packet = next(self._packets, None)
            if packet is None:
                self._packets = None
                return False
            self._handle(*packet)
            self._round = self._out.frame % ROUND == 0
            return True
        if self._ended and self._cursor < len(self._flows):
            if self._flows[self._cursor] is not None:
                self._close(self._cursor, FINISHED)
            self._cursor += 1
            return True
        return False

    def _handle(self, time: int, link: int, data: memoryview, original: int) -> None:
        del original  # what the headers say counts
        self._out.frame += 1
        total = self._total
        total["packets"] += 1
        total["bytes"] += len(data)
        total["first_time"] = min(total["first_time"], time) if total["packets"] > 1 else time
        total["last_time"] = max(total["last_time"], time)
        self._out.time = time
        packet = self._decoder.decode(link, bytes(data), time)
        if packet is None:
            return
        if packet.context != ((), ()):
            self._bound_context(packet)
        self._packet(packet)

    def _bound_context(self, packet: Packet) -> None:
        if packet.context not in self._contexts:
            if len(self._contexts) >= self._settings.contexts:
                self._count("contexts merged to bound memory")
                packet.context = ((), ("other",))
                return
            self._contexts.add(packet.context)

    # -- the table -----------------------------------------------------------------------------

    def _packet(self, packet: Packet) -> None:
        ends = (packet.source, packet.ports[0]), (packet.target, packet.ports[1])
        high = int(ends[0] > ends[1])
        key = (packet.protocol, packet.context, ends[high], ends[1 - high])
        slot = self._index.get(key)
        if slot is not None and self._is_idle(slot):
            self._close(slot, IDLE)
            slot = None
        if slot is not None and packet.protocol == TCP and self._reopens(slot, packet, high):
            self._close(slot, REUSED)
            slot = None
        if slot is None:
            slot = self._create(packet, key, high)
        flow = self._flows[slot]
        assert flow is not None
        side = high ^ flow.client
        flow.last_time, flow.last_frame = self._out.time, self._out.frame
        flow.packets[side] += 1
        flow.bytes[side] += packet.size
        if packet.protocol == TCP:
            self._tcp(slot, flow, side, packet)
        else:
            self._datagram(slot, flow, side, packet)
        flow.payload[side] += packet.length

    def _create(self, packet: Packet, key: Any, high: int) -> int:
        if len(self._index) >= self._settings.max_flows:
            self._evict()
        self._serial += 1
        self._total["flows"] += 1
        flow = Flow(self._serial, packet, key, self._out.time, self._out.frame)
        syn = packet.protocol == TCP and packet.flags & SYN
        flow.client = 1 - high if syn and packet.flags & ACK else high
        flow.begun = packet.protocol != TCP or bool(syn)
        if self._free:
            slot = self._free.pop()
            self._flows[slot] = flow
        else:
            slot = len(self._flows)
            self._flows.append(flow)
        self._index[key] = slot
        self._recent.append((slot, flow.serial))
        if self._expectations:
            flow.expected = self._expected(flow)[:MAX_TOKENS]
            if flow.expected:
                self._want(flow)
        return slot

    def _is_idle(self, slot: int) -> bool:
        flow, settings = self._flows[slot], self._settings
        assert flow is not None
        wanted = flow.wanted and not flow.dropped
        if flow.protocol == TCP:
            if flow.closed:
                limit = settings.closed_idle
            elif flow.opening:
                limit = settings.opening_idle
            else:
                limit = settings.tcp_wanted_idle if wanted else settings.tcp_idle
        elif flow.protocol == UDP:
            limit = settings.udp_wanted_idle if wanted else settings.udp_idle
        else:
            limit = settings.other_wanted_idle if wanted else settings.other_idle
        return self._out.time - flow.last_time > limit * SECOND

    def _turn(self) -> None:
        """Move the expiry hand over the next flows."""
        for _ in range(min(STEPS, len(self._flows))):
            if self._hand >= len(self._flows):
                self._hand = 0
            slot, self._hand = self._hand, self._hand + 1
            flow = self._flows[slot]
            if flow is None or slot in self._leaving:
                continue
            if self._is_idle(slot):
                self._close(slot, IDLE)
            elif flow.stream is not None:
                flow.stream.expire()

    def _evict(self) -> None:
        """Make room: the longest idle of the next flows goes, the least interesting kind first."""
        best: tuple[int, int, int] | None = None
        looked = 0
        while looked < STEPS or best is None:
            if self._hand >= len(self._flows):
                self._hand = 0
            slot, self._hand, looked = self._hand, self._hand + 1, looked + 1
            flow = self._flows[slot]
            if flow is None or slot in self._leaving:
                continue
            if flow.wanted and not flow.dropped:
                kind = 2
            else:
                kind = int(not (flow.protocol == TCP and (flow.closed or flow.opening)))
            if best is None or (kind, flow.last_time) < best[:2]:
                best = kind, flow.last_time, slot
        self._count("flows evicted to bound memory")
        self._close(best[2], EVICTED)

    def _close(self, slot: int, reason: int) -> None:
        flow = self._flows[slot]
        assert flow is not None
        del self._index[flow.key]
        if flow.stream is not None:
            flow.stream.close()
            flow.conflicts = flow.stream.conflicts
            flow.stream = None
        if self._rows is not None:
            self._rows.append(self._row(flow))
        if flow.wanted:
            self._out.put(slot, 0, CLOSED, reason)
            self._leaving[slot] = flow
        else:
            self._flows[slot] = None
            self._free.append(slot)

    # -- payloads ------------------------------------------------------------------------------

    def _want(self, flow: Flow) -> None:
        if not flow.wanted:
            flow.wanted = True
            flow.missed = list(flow.payload)

    def _test(self, flow: Flow, side: int, packet: Packet, *, opening: bool) -> None:
        if flow.tested[side] >= self._settings.payloads or flow.dropped:
            return
        flow.tested[side] += 1
        transport = {TCP: "tcp", UDP: "udp"}.get(flow.protocol, "ip")
        flow.hits |= self._matcher.match(transport, packet.payload, opening=opening)
        if flow.hits:
            self._want(flow)

    def _datagram(self, slot: int, flow: Flow, side: int, packet: Packet) -> None:
        if not packet.payload:
            return
        self._test(flow, side, packet, opening=not flow.tested[side])
        if flow.wanted and not flow.dropped:
            self._out.put(slot, side, DATA, packet.payload)

    # -- TCP -----------------------------------------------------------------------------------

    def _reopens(self, slot: int, packet: Packet, high: int) -> bool:
        """Whether *packet* belongs to a new connection between the same ends."""
        flow = self._flows[slot]
        assert flow is not None
        side = high ^ flow.client
        if packet.flags & (SYN | ACK | RST) == SYN:
            if flow.initial[side] == (packet.seq + 1) & 0xFFFFFFFF:
                return False
            if flow.closed or flow.opening:
                return True
            flow.pending = side, (packet.seq + 1) & 0xFFFFFFFF
            return False
        if flow.pending is None:
            return False
        opener, first = flow.pending
        if packet.flags & (SYN | ACK) == SYN | ACK:
            return side != opener and packet.ack == first
        return side == opener and packet.seq == first and first != flow.next[side]

    def _tcp(self, slot: int, flow: Flow, side: int, packet: Packet) -> None:
        flags, other = packet.flags, 1 - side
        if flow.pending is not None and flow.packets == [side == 0, side == 1]:
            flow.pending = None
        flow.tcp_flags[side] |= flags
        seq = packet.seq
        if flags & SYN:
            seq = (seq + 1) & 0xFFFFFFFF
            self._synchronise(flow, side, packet, seq)
        elif flags & ACK and flow.next[other] < 0 and flow.initial[side] >= 0:
            # The other side's SYN-ACK was not captured, but what acknowledges it is.
            flow.initial[other] = flow.next[other] = packet.ack
        if flags & RST:
            self._reset(flow, side, seq)
        if not packet.window and not flags & (SYN | RST):
            flow.zero_windows += 1
        if flow.stream is not None and flags & ACK:
            flow.stream.acknowledge(other, packet.ack)
        if packet.length:
            self._payload(slot, flow, side, seq, packet)
        elif flow.next[side] < 0:
            flow.next[side] = seq
        if flags & FIN:
            flow.finished[side] = True
            if flow.stream is not None:
                flow.stream.fin(side, (seq + packet.length) & 0xFFFFFFFF)

    def _synchronise(self, flow: Flow, side: int, packet: Packet, first: int) -> None:
        """A SYN tells where its side begins; a SYN-ACK tells it of both."""
        if flow.pending is not None and flow.pending == (side, first):
            return
        if flow.payload[side] == 0 and flow.stream is None:
            flow.initial[side] = flow.next[side] = first
        other = 1 - side
        if packet.flags & ACK and flow.payload[other] == 0 and flow.stream is None:
            flow.initial[other] = flow.next[other] = packet.ack

    def _reset(self, flow: Flow, side: int, seq: int) -> None:
        if flow.next[side] >= 0 and abs(ahead(seq, flow.next[side])) >= RESET_WINDOW:
            self._count("tcp resets out of window")
        else:
            flow.reset = True

    def _payload(self, slot: int, flow: Flow, side: int, seq: int, packet: Packet) -> None:
        before = flow.next[side]
        fresh = self._track(flow, side, seq, packet.length)
        restarted = flow.strays[side] == STRAYS
        if restarted:
            flow.strays[side] = 0
        if fresh:
            flow.reset = False
            at_start = flow.initial[side] == seq
            if packet.payload:
                self._test(flow, side, packet, opening=at_start)
            flow.opened[side] |= at_start
        if not packet.payload or flow.dropped:
            return
        if flow.wanted:
            stream = self._stream(slot, flow, side, seq, before)
            if restarted:
                stream.restart(side, seq)
            stream.segment(side, seq, packet.payload)
            flow.conflicts = stream.conflicts
        elif flow.initial[side] >= 0 and not flow.opened[side] and fresh:
            stream = self._stream(slot, flow, side, seq, before)
            stream.segment(side, seq, packet.payload)
        elif flow.opened[side] and flow.stream is not None:
            self._release(flow)

    def _release(self, flow: Flow) -> None:
        """The first bytes came and nobody wants them: what waited for them can go."""
        assert flow.stream is not None
        flow.stream.free()
        flow.stream = None

    def _stream(self, slot: int, flow: Flow, side: int, seq: int, before: int) -> Stream:
        """Return the flow's stream, opened at what each side sends next."""
        stream = flow.stream
        if stream is None:
            stream = flow.stream = Stream(
                slot, self._settings, self._budget, self._out, self._count
            )
            for half_side, half in enumerate(stream.halves):
                if not flow.payload[half_side]:
                    half.next = flow.initial[half_side]
                elif half_side != side:
                    half.next = flow.next[half_side]
            if stream.halves[side].next < 0:
                stream.halves[side].next = seq
        del before
        if flow.wanted and not stream.deliver:
            stream.deliver = True
            for half_side, half in enumerate(stream.halves):
                if half.held:
                    flow.missed[half_side] = 0
        return stream

    def _track(self, flow: Flow, side: int, seq: int, length: int) -> bool:
        """Follow the sequence numbers; True where the segment holds bytes not seen before."""
        after = (seq + length) & 0xFFFFFFFF
        if flow.next[side] < 0:
            flow.next[side] = after
            return True
        distance = ahead(seq, flow.next[side])
        if abs(distance) >= WINDOW:
            flow.strays[side] += 1
            if flow.strays[side] < STRAYS:
                return False
            self._count("tcp sequence restarts")
            flow.next[side] = after
            return True
        flow.strays[side] = 0
        if distance >= 0:
            flow.holes[side] += distance
            flow.next[side] = after
            return True
        if distance + length > 0:
            flow.retransmissions += 1
            flow.next[side] = after
            return True
        if length == 1 and distance == -1:
            return False
        if flow.holes[side]:
            flow.out_of_order += 1
            flow.holes[side] -= min(flow.holes[side], length)
            return True
        flow.retransmissions += 1
        return False

    # -- expectations --------------------------------------------------------------------------

    def _expected(self, flow: Flow) -> list[int]:
        client, server = self._ends(flow)
        transport = {TCP: "tcp", UDP: "udp"}.get(flow.protocol, "ip")
        match, time = self._expectations.match, flow.first_time
        found = match(transport, client.address, server.address, server.port, time)
        if flow.protocol != TCP or not flow.begun:
            found += match(transport, server.address, client.address, client.port, time)
        return sorted(set(found))

    def _look_back(self, made: Expectation) -> None:
        for slot, serial in self._recent:
            flow = self._flows[slot]
            if flow is None or flow.serial != serial or slot in self._leaving:
                continue
            if flow.first_frame < self._delivered or len(flow.expected) >= MAX_TOKENS:
                continue
            if made.token in self._expected(flow) and made.token not in flow.expected:
                flow.expected.append(made.token)
                self._want(flow)

    # -- rows ----------------------------------------------------------------------------------

    def _ends(self, flow: Flow) -> tuple[Endpoint, Endpoint]:
        low, high = flow.key[2], flow.key[3]
        ends = (low, high) if flow.client == 0 else (high, low)
        ported = flow.protocol in rows.PORTED
        client, server = (
            Endpoint(str(ip_address(address)), port if ported else 0) for address, port in ends
        )
        return client, server

    def _row(self, flow: Flow) -> FlowRow:
        client, server = self._ends(flow)
        if flow.stream is not None:
            flow.conflicts = flow.stream.conflicts
        return FlowRow(
            serial=flow.serial,
            transport="tcp" if flow.protocol == TCP else "udp" if flow.protocol == UDP else "ip",
            protocol=flow.protocol,
            client=client,
            server=server,
            types=flow.types,
            vlans=flow.context[0],
            tunnel="/".join(flow.context[1]),
            begun=flow.begun,
            hits=flow.hits,
            expected=tuple(flow.expected),
            missed=(flow.missed[0], flow.missed[1]),
            first_time=flow.first_time,
            last_time=flow.last_time,
            first_frame=flow.first_frame,
            last_frame=flow.last_frame,
            packets=(flow.packets[0], flow.packets[1]),
            bytes=(flow.bytes[0], flow.bytes[1]),
            payload_bytes=(flow.payload[0], flow.payload[1]),
            tcp_flags=(flow.tcp_flags[0], flow.tcp_flags[1]),
            state=_state(flow),
            retransmissions=flow.retransmissions,
            conflicts=flow.conflicts,
            out_of_order=flow.out_of_order,
            gaps=(flow.holes[0], flow.holes[1]),
            zero_windows=flow.zero_windows,
        )


def _state(flow: Flow) -> str:
    if flow.protocol != TCP:
        return ""
    if flow.reset:
        return rows.RESET
    if all(flow.finished):
        return rows.CLOSED
    if any(flow.finished):
        return rows.CLOSING
    if flow.opening:
        return rows.OPENING
    return rows.ESTABLISHED if flow.begun else rows.MIDSTREAM


def _normal(address: str) -> str:
    return str(ip_address(address)) if address else ""
