"""The packet core in plain Python: the oracle of the compiled one, and its stand-in.

`core.pyi` says what every call means. Read this one to know what the core does; the compiled
rooms do the same, in the same order, for many packets at a time.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any

from backchannel.capture.records_py import Chunk
from backchannel.contract import Magic
from backchannel.flows import row as rows
from backchannel.flows.columns import Column, columns
from backchannel.flows.counters import MAX_NAMED, NUMBERED, TOTALS, other
from backchannel.flows.decode_py import TCP, Decoder, Packet
from backchannel.flows.delivery import CLOSED, EVICTED, FINISHED, IDLE, REUSED, Delivery, Due
from backchannel.flows.expect import Expectations, normal
from backchannel.flows.flow_py import Flow
from backchannel.flows.fragments_py import Fragments
from backchannel.flows.match_py import Matcher
from backchannel.flows.payloads_py import Payloads
from backchannel.flows.row import FlowInfo, FlowRow
from backchannel.flows.settings import FlowSettings
from backchannel.flows.stream_py import SECOND, Out
from backchannel.flows.tcp_py import Opened, begin, reopens
from backchannel.model import Endpoint

ROUND = 32
"""Packets after which the expiry hand moves on."""
STEPS = 16
"""Flows the hand looks at in each round."""
SWEEP = 65_536
"""Flows it looks at when time passes without packets."""
CHOICE = 16
"""Flows among which the one to be evicted is chosen."""
RECENT = 1024
"""Flows that an expectation looks back on."""
MAX_TOKENS = 8


class FlowCore:
    """The flow table and everything under it."""

    def __init__(
        self,
        magics: Sequence[tuple[int, Magic]],
        settings: FlowSettings = FlowSettings(),  # noqa: B008 - frozen
        names: Sequence[str] = (),
        everything: bool = False,
        *,
        name_gated: Sequence[int] = (),
        collect: bool = False,
    ) -> None:
        self._settings = settings
        self._counted: Counter[str] = Counter()
        self._named = set[tuple[int, int]]()
        self._fragments = Fragments(settings, self._count)
        self._decoder = Decoder(
            self._count,
            self._count_numbered,
            self._fragments,
            settings.tunnel_depth,
            ah=settings.ah,
            vlans=settings.vlans,
        )
        matcher = Matcher(magics, names, name_gated, everything=everything)
        self._expectations = Expectations(settings.expectations, self._count)
        self._flows: list[Flow | None] = []
        self._free: list[int] = []
        self._index: dict[Any, int] = {}
        self._contexts: set[Any] = set()
        self._leaving: dict[int, Flow] = {}
        self._recent: deque[tuple[int, int]] = deque(maxlen=RECENT)  # slot, serial
        self._hand = self._serial = 0
        self._packets: Iterator[tuple[int, int, memoryview, int]] | None = None
        self._ended = self._round = False
        self._cursor = self._sweep = 0
        self._out = Out()
        self._payloads = Payloads(settings, matcher, self._out, self._count)
        self._delivered = 0
        self._handed = deque[Delivery]()  # what `bring` returns next
        self._total = dict.fromkeys(TOTALS, 0)
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

    def advance(self) -> int:
        """Go on to the next packet (or step of expiry) that has deliveries, for `bring`."""
        self._handed = deque(self.take())
        return len(self._handed)

    def bring(self) -> Due:
        """Return the next of its deliveries. Raises IndexError behind the last."""
        return Due(*self._handed.popleft())

    def match(
        self,
        magics: Sequence[tuple[int, Magic]],
        names: Sequence[str] = (),
        everything: bool = False,
        *,
        name_gated: Sequence[int] = (),
    ) -> None:
        """From now on compare payloads with these."""
        self._payloads.matcher = Matcher(magics, names, name_gated, everything=everything)

    def expire(self, now: int) -> None:
        """Time has passed without packets; then call `take` until it returns []."""
        if self._packets is not None or self._ended:
            raise ValueError("take() what was fed before")
        self._out.time = max(self._out.time, now)
        self._sweep = min(SWEEP, len(self._flows)) // STEPS + 1

    def finish(self) -> None:
        """The input has ended: end all flows; then call `take` until it returns []."""
        if self._packets is not None or self._ended:
            raise ValueError("take() what was fed before")
        self._ended = True
        self._fragments.finish()

    def row(self, flow: int) -> FlowRow:
        """Return what is known of the flow in a slot: live, or CLOSED in the last batch taken."""
        return self._row(self._get(flow))

    def info(self, flow: int) -> FlowInfo:
        """Return who talks with whom in the flow in a slot."""
        row = self.row(flow)
        return FlowInfo(
            serial=row.serial,
            transport=row.transport,
            client=row.client,
            server=row.server,
            number=row.protocol,
            vlans=row.vlans,
            tunnel=row.tunnel,
            begun=row.begun,
            types=row.types,
        )

    def whole(self, flow: int) -> bool:
        """Return whether deliveries of the flow in a slot began with its first byte."""
        found = self._get(flow)
        return found.begun and not any(found.missed)

    def figures(self, flow: int) -> tuple[int, int, int, int]:
        """Return packets, bytes and the first and last time of the flow in a slot."""
        found = self._get(flow)
        return sum(found.packets), sum(found.bytes), found.first_time, found.last_time

    def volume(self, flow: int) -> int:
        """Return the bytes that both sides of the flow in a slot have sent so far."""
        return sum(self._get(flow).bytes)

    def hits(self, flow: int) -> int:
        """Return the bit mask of the protocols whose magic matched so far."""
        return self._get(flow).hits

    def fitting(
        self, transport: str, payload: bytes, *, begun: bool = True, number: int = 0
    ) -> list[int]:
        """Return the protocols whose magic fits these bytes of any stream, most telling first."""
        return self._payloads.matcher.fitting(transport, payload, begun, number)

    def drop(self, flow: int) -> None:
        """Deliver no more of this flow but its CLOSED."""
        found = self._get(flow)
        found.dropped = True
        self._payloads.stop(found)

    def release(self, flow: int) -> None:
        """Compare what follows of this flow with the magics again, as if nothing had matched."""
        found = self._get(flow)
        if not found.wanted or flow in self._leaving:
            return
        self._payloads.stop(found)
        found.wanted = found.dropped = False
        found.released = True
        for side in range(2):
            if found.payload[side]:  # its first bytes are over
                found.opened[side] = True

    def keep(self, flow: int) -> None:
        """Let this flow be idle for as long as its `*_wanted_idle`: what it speaks is proved."""
        self._get(flow).kept = True

    def want(self, flow: int) -> None:
        """Deliver this flow from now on."""
        found = self._get(flow)
        found.dropped = False
        if flow not in self._leaving:
            self._payloads.want(found)

    def expect(  # noqa: PLR0917 - one announcement
        self, token: int, transport: str, address: str, port: int, source: str, until: int
    ) -> None:
        """Want every flow to *address*:*port* from *source* that begins before *until*."""
        if not (address or port or source):
            raise ValueError("an expectation must name something")
        key = (transport, normal(address), port)
        self._expectations.add(token, key, normal(source), until)
        if self._delivered < self._out.frame:
            self._look_back()

    def forget(self, token: int) -> None:
        """Expect this no longer."""
        self._expectations.forget(token)

    def counters(self) -> dict[str, int]:
        """Return what could not be seen, kept or understood, by name; only what is not 0."""
        return {name: self._counted[name] for name in sorted(self._counted) if self._counted[name]}

    def totals(self) -> dict[str, int]:
        """Return `packets bytes flows first_time last_time`."""
        return dict(self._total)

    def columns(self) -> dict[str, Column]:
        """Return the flows that ended since the last call as columns of equal length."""
        done, self._rows = self._rows or [], None if self._rows is None else []
        return columns(done)

    # -- steps ---------------------------------------------------------------------------------

    def _count(self, name: str, number: int = 1) -> None:
        self._counted[name] += number

    def _count_numbered(self, kind: int, value: int) -> None:
        """Count under a name that holds *value*; under `other` once there are too many names."""
        if (kind, value) not in self._named and len(self._named) >= MAX_NAMED:
            self._count(other(NUMBERED[kind]))
            return
        self._named.add((kind, value))
        self._count(NUMBERED[kind].format(value))

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
        if self._sweep:
            self._sweep -= 1
            self._turn()
            return True
        if self._ended and self._cursor < len(self._flows):
            flow = self._flows[self._cursor]
            if flow is not None:  # what its end tells belongs to its last packet
                self._out.time, self._out.frame = flow.last_time, flow.last_frame
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
        for part in (packet and packet.protector, packet):
            if part is not None:
                self._bound_context(part)
                self._packet(part)

    def _bound_context(self, packet: Packet) -> None:
        if packet.context != ((), ()) and packet.context not in self._contexts:
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
        slot, opened = self._index.get(key), Opened.NOT
        if slot is not None and self._is_idle(slot):
            self._close(slot, IDLE)
            slot = None
        if slot is not None and packet.protocol == TCP:
            flow = self._get(slot)
            opened = reopens(flow, packet, high ^ flow.client, self._settings, self._out.time)
            if opened is not Opened.NOT:
                self._close(slot, REUSED)
                slot = None
        if slot is None:
            slot = self._create(packet, key, high, opened)
        flow = self._get(slot)
        side = high ^ flow.client
        flow.last_time = max(flow.last_time, self._out.time)
        flow.last_frame = self._out.frame
        flow.packets[side] += 1
        flow.bytes[side] += packet.size
        if packet.protocol == TCP:
            self._payloads.segment(slot, flow, side, packet)
        elif packet.payload:
            self._payloads.datagram(slot, flow, side, packet)
        flow.payload[side] += packet.length

    def _create(self, packet: Packet, key: Any, high: int, opened: Opened) -> int:
        if len(self._index) >= self._settings.max_flows:
            self._evict()
        self._serial += 1
        self._total["flows"] += 1
        flow = Flow(self._serial, packet, key, self._out.time, self._out.frame)
        begin(flow, packet, high, opened)
        if self._free:
            slot = self._free.pop()
            self._flows[slot] = flow
        else:
            slot = len(self._flows)
            self._flows.append(flow)
        self._index[key] = slot
        self._recent.append((slot, flow.serial))
        if self._expectations:
            self._fulfil(flow)
        return slot

    def _is_idle(self, slot: int) -> bool:
        flow = self._get(slot)
        return self._out.time - flow.last_time > flow.lifetime(self._settings) * SECOND

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
                silence = self._out.time - flow.last_time
                if flow.wanted:
                    flow.stream.expire()
                    if silence > self._settings.history_idle * SECOND:
                        flow.stream.let_go()
                elif silence > self._settings.hole_wait * SECOND:
                    self._payloads.give_up(flow)

    def _evict(self) -> None:
        """Make room: the longest idle of the next flows goes, the least interesting kind first."""
        best: tuple[int, int, int] | None = None
        looked = 0
        while looked < CHOICE or best is None:
            if self._hand >= len(self._flows):
                self._hand = 0
            slot, self._hand, looked = self._hand, self._hand + 1, looked + 1
            flow = self._flows[slot]
            if flow is None or slot in self._leaving:
                continue
            if flow.listening:
                kind = 2
            else:
                kind = int(not (flow.protocol == TCP and (flow.closed or flow.opening)))
            if best is None or (kind, flow.last_time) < best[:2]:
                best = kind, flow.last_time, slot
        self._count("flows evicted to bound memory")
        self._close(best[2], EVICTED)

    def _close(self, slot: int, reason: int) -> None:
        flow = self._get(slot)
        del self._index[flow.key]
        if flow.stream is not None:
            if flow.listening and not flow.stream.deliver:
                flow.stream.start()
            flow.stream.close()
            self._payloads.stop(flow)
        if self._rows is not None:
            self._rows.append(self._row(flow))
        if flow.wanted or flow.released:
            self._out.put(slot, 0, CLOSED, reason)
            self._leaving[slot] = flow
        else:
            self._flows[slot] = None
            self._free.append(slot)

    # -- expectations --------------------------------------------------------------------------

    def _expected(self, flow: Flow) -> list[int]:
        client, server = self._ends(flow)
        match, time = self._expectations.match, flow.first_time
        found = match(flow.transport, client.address, server.address, server.port, time)
        if flow.protocol != TCP or not flow.begun:
            found += match(flow.transport, server.address, client.address, client.port, time)
        return sorted(set(found))

    def _fulfil(self, flow: Flow) -> None:
        tokens = self._expected(flow)
        if tokens:
            self._payloads.want(flow)
        fresh = [token for token in tokens if token not in flow.expected]
        flow.expected = (flow.expected + fresh)[:MAX_TOKENS]

    def _look_back(self) -> None:
        for slot, serial in self._recent:
            flow = self._flows[slot]
            if flow is None or flow.serial != serial or slot in self._leaving:
                continue
            if flow.first_frame >= self._delivered:
                self._fulfil(flow)

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
        return FlowRow(
            serial=flow.serial,
            transport=flow.transport,
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
            state=flow.state,
            retransmissions=flow.retransmissions,
            conflicts=flow.conflicts,
            out_of_order=flow.out_of_order,
            gaps=(flow.holes[0], flow.holes[1]),
            zero_windows=flow.zero_windows,
        )
