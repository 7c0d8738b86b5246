"""Payloads on their way from a packet to a delivery, in plain Python: the twin of `payloads`.

The first bytes of a TCP side whose beginning was seen are kept until the magics can say yes or no,
however small the segments and in whatever order; everything later is judged packet by packet.
"""

from collections.abc import Callable

from backchannel.flows.decode_py import TCP, Packet
from backchannel.flows.delivery import DATA
from backchannel.flows.flow_py import ACK, FIN, Flow
from backchannel.flows.match_py import Matcher
from backchannel.flows.settings import FlowSettings
from backchannel.flows.stream_py import VAIN, WINDOW, Budget, Out, Stream, ahead
from backchannel.flows.tcp_py import Track, control, track

V1 = (b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNO")
V2 = b"\r\n\r\n\0\r\nQUIT\n"
LONGEST_V1 = 107


class Payloads:
    """What is done with payloads. The flows themselves remember."""

    def __init__(
        self, settings: FlowSettings, matcher: Matcher, out: Out, count: Callable[..., None]
    ) -> None:
        self._settings, self.matcher, self._out, self._count = settings, matcher, out, count
        self._budget = Budget(settings.total_bytes)

    def datagram(self, slot: int, flow: Flow, side: int, packet: Packet) -> None:
        """Take a packet of anything but TCP that holds at least one byte."""
        self._test(flow, side, packet, opening=not flow.tested[side])
        if flow.listening:
            self._out.put(slot, side, DATA, packet.payload)

    def segment(self, slot: int, flow: Flow, side: int, packet: Packet) -> None:
        """Take a TCP packet. What it acknowledges comes before what it holds."""
        seq = control(flow, packet, side, self._count)
        if packet.flags & ACK:
            self._acknowledge(flow, 1 - side, packet.ack, speaks=packet.length > 0)
        if packet.length:
            self._payload(slot, flow, side, seq, packet)
        elif flow.next[side] < 0:
            flow.next[side] = seq
        if flow.stream is not None and packet.flags & FIN:
            flow.stream.fin(side, (seq + packet.length) & 0xFFFFFFFF)

    def want(self, flow: Flow) -> None:
        """Deliver this flow from now on."""
        if not flow.wanted:
            flow.wanted = True
            flow.missed = list(flow.payload)

    def give_up(self, flow: Flow) -> None:
        """Nothing came for long: first bytes that wait for those before them, or for what they
        answer, do so no longer.
        """
        for side in range(2):
            half = flow.stream.halves[side] if flow.stream is not None else None
            if half is None or not half.held:
                continue
            first = half.held[0]
            late = first.ack >= 0 and ahead(first.ack, flow.next[1 - side]) > 0
            if first.seq != half.next or late:
                self._settle(flow, side)

    def stop(self, flow: Flow) -> None:
        """Forget the flow's bytes, and that it had a stream."""
        if flow.stream is not None:
            flow.stream.free()
            flow.stream = None

    def _acknowledge(self, flow: Flow, side: int, ack: int, *, speaks: bool) -> None:
        """The bytes of *side* before *ack* reached the other side, which *speaks* or only says so.

        An answer must not come before what is left of its question: if it will not wait, neither
        does what came of the question.
        """
        stream = flow.stream
        if stream is None:
            return  # nothing waits; and what was captured a little late is still the first
        waits = self._settings.answers_wait and stream.halves[side].vain < VAIN
        patient = not speaks or waits
        if flow.wanted:
            stream.acknowledge(side, ack, patient=patient)
        elif stream.halves[side].held and flow.initial[side] >= 0 and not flow.opened[side]:
            lost = ahead(ack, flow.initial[side]) - len(stream.prefix(side))
            if lost > 0 and not (patient and stream.is_fresh(stream.halves[side].held[-1].time)):
                self._settle(flow, side)  # its first bytes were not captured: nothing to wait for

    def _payload(self, slot: int, flow: Flow, side: int, seq: int, packet: Packet) -> None:
        tracked = track(flow, side, seq, packet.length, self._count)
        if tracked is not Track.STALE:
            flow.reset = False  # a connection that goes on was not reset
        if not packet.payload or flow.dropped:
            return
        payload = packet.payload
        if seq == flow.initial[side] and not flow.payload[side]:
            size = proxied(payload)
            if size:  # the stream begins behind it
                flow.initial[side] = seq = (seq + size) & 0xFFFFFFFF
                half = flow.stream.halves[side] if flow.stream is not None else None
                if half is not None and half.next >= 0:
                    half.next = seq
                packet.payload = payload[size:]
                if not packet.payload:
                    return
        # What fills a hole in first bytes may look like a repetition.
        waiting = flow.stream is not None and bool(flow.stream.halves[side].held)
        if not flow.wanted and (tracked is not Track.STALE or waiting):
            if flow.initial[side] >= 0 and not flow.opened[side]:
                if self._open(slot, flow, side, seq, packet):
                    return
            else:
                self._test(flow, side, packet, opening=False)
        if not flow.wanted:
            return
        stream = self._deliver(slot, flow, side, seq)
        if tracked is Track.RESTARTED:
            stream.restart(side, seq)
        flow.conflicts += stream.segment(side, seq, packet.payload, _ack(packet))

    def _is_early(self, flow: Flow, side: int, packet: Packet) -> bool:
        """Say whether a packet of *side* answers bytes that did not come yet, and may wait."""
        other, stream = 1 - side, flow.stream
        if not self._settings.answers_wait or not packet.flags & ACK:
            return False
        if flow.initial[other] < 0 or flow.opened[other]:
            return False
        if not 0 < ahead(packet.ack, flow.next[other]) < WINDOW:
            return False
        held = stream.halves[side].held if stream is not None else []
        return stream is None or not held or stream.is_fresh(held[0].time)

    def _give_up_answer(self, flow: Flow, side: int) -> None:
        """*side* speaks at last: what answered it long before is no answer to this."""
        stream, other = flow.stream, 1 - side
        if stream is None or flow.payload[side] or not stream.halves[other].held:
            return
        first = stream.halves[other].held[0]
        answers = first.ack >= 0 and ahead(first.ack, flow.initial[side]) > 0
        if answers and not stream.is_fresh(first.time):
            self._settle(flow, other)

    def _open(  # noqa: C901 - the twin of one function
        self, slot: int, flow: Flow, side: int, seq: int, packet: Packet
    ) -> bool:
        """Judge the first bytes of *side* as far as they came; True: the packet is dealt with."""
        self._give_up_answer(flow, side)
        waiting = flow.stream is not None and bool(flow.stream.halves[side].held)
        held = flow.stream.prefix(side) if flow.stream is not None else b""
        if waiting and flow.payload[1 - side] and not any(self._match(flow, held, answered=True)):
            self._settle(flow, side)  # what waited for more was answered instead
            self._test(flow, side, packet, opening=False)
            return not flow.wanted
        follows = waiting and held and seq == (flow.initial[side] + len(held)) & 0xFFFFFFFF
        if seq != flow.initial[side] and not follows:
            self._test(flow, side, packet, opening=False)
            if flow.wanted:
                flow.opened[side] = True
                return False
        seen, kept = b"", False
        if not waiting and seq == flow.initial[side]:
            seen = packet.payload
        early = self._is_early(flow, side, packet)
        hits, undecided = self._match(flow, seen, answered=False)
        if waiting or ((undecided or early) and not hits):
            stream = self._stream(slot, flow, side)
            flow.conflicts += stream.segment(side, seq, packet.payload, _ack(packet))
            kept = not stream.halves[side].full
            prefix = stream.prefix(side)
            seen = prefix or seen
            if kept or prefix:
                hits, undecided = self._match(flow, prefix, answered=flow.payload[1 - side] > 0)
            if not kept:  # no more can be: what may fit counts as a hit
                hits, undecided = (hits or undecided) if seen else 0, 0
            early = early and kept
        if (undecided or early) and follows and not hits:  # others wait; who else may want it?
            self._test(flow, side, packet, opening=False)
        if hits or flow.wanted:
            flow.opened[side] = True
            flow.hits |= hits
            self.want(flow)
            if kept:
                self._deliver(slot, flow, side, seq)
            return kept
        if not undecided and not early:
            self._settle(flow, side)
            if follows:  # what nobody waits for with the bytes before may fit by itself
                self._test(flow, side, packet, opening=False)
                return not flow.wanted
        return True

    def _match(self, flow: Flow, seen: bytes, *, answered: bool) -> tuple[int, int]:
        """Return which magics fit the first bytes of a side, and which may still fit."""
        if not seen:
            return 0, -1
        return self.matcher.match(
            flow.transport, flow.protocol, seen, opening=True, answered=answered
        )

    def _settle(self, flow: Flow, side: int) -> None:
        """Nobody wants the first bytes of *side*."""
        flow.opened[side] = True
        if flow.stream is not None:
            flow.stream.settle(side)
            flow.stream.halves[side].next = -1
            if not flow.stream.halves[1 - side].held:
                self.stop(flow)

    def _test(self, flow: Flow, side: int, packet: Packet, *, opening: bool) -> None:
        """Compare a payload with the magics, if it is one of the first."""
        if flow.tested[side] >= self._settings.payloads or flow.dropped:
            return
        flow.tested[side] += 1
        seen = packet.payload
        hits, _ = self.matcher.match(flow.transport, flow.protocol, seen, opening=opening)
        if not hits and len(seen) < packet.length and flow.protocol != TCP:
            seen = seen.ljust(packet.length, b"\0")  # its size tells, though not all is here
            hits, _ = self.matcher.match(flow.transport, flow.protocol, seen, opening=opening)
        if hits:
            flow.hits |= hits
            self.want(flow)

    def _stream(self, slot: int, flow: Flow, side: int) -> Stream:
        """Return the flow's stream, where *side*'s first bytes are awaited."""
        stream = flow.stream
        if stream is None:
            stream = Stream(slot, self._settings, self._budget, self._out, self._count)
            flow.stream = stream
        stream.halves[side].next = flow.initial[side]
        return stream

    def _deliver(self, slot: int, flow: Flow, side: int, seq: int) -> Stream:
        """Return the flow's stream, delivering; *side* is about to send *seq*."""
        stream = flow.stream
        if stream is None:
            stream = Stream(slot, self._settings, self._budget, self._out, self._count)
            flow.stream = stream
        if not stream.deliver:
            if seq == flow.initial[side]:
                flow.missed[side] = 0
            for at, half in enumerate(stream.halves):
                if half.held:
                    flow.missed[at] = 0
                elif not flow.payload[at]:
                    half.next = flow.initial[at]
                else:
                    half.next = seq if at == side else flow.next[at]
            if stream.halves[side].next < 0:
                stream.halves[side].next = seq
            stream.start()
        return stream


def proxied(payload: bytes) -> int:
    """Return the size of the header by which a load balancer says for whom it opened a connection
    (haproxy's PROXY protocol, both versions); 0 where *payload* begins with none.
    """
    if payload[:12] == V2 and len(payload) >= 16 and payload[12] & 0xFE == 0x20:
        size = 16 + int.from_bytes(payload[14:16])
        return size if size <= len(payload) else 0
    if payload[:11] in V1:
        return payload.find(b"\r\n", 0, LONGEST_V1) + 2 if b"\r\n" in payload[:LONGEST_V1] else 0
    return 0


def _ack(packet: Packet) -> int:
    """Return what a packet acknowledges; -1 for nothing."""
    return packet.ack if packet.flags & ACK else -1
