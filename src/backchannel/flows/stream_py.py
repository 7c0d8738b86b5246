"""One TCP flow's bytes put in order, in plain Python: the twin of `stream`.

Bytes that came first stay. What is missing is waited for until `hole_wait` has passed or too much
waits behind it; then it is a gap. So it is `late_ms` after the other side acknowledged it: the
capture lost it, or changed the order of packets. A FIN ends
a side only when it was acknowledged, and a reset ends nothing by itself, so that forged ones hide
no bytes.

What acknowledges bytes that did not come yet is an answer captured before its question, as where
two capture points were merged: it waits for them, `late_ms` at most. Where this is in vain again
and again, only one direction was captured, or not every packet, and answers come at once.

A stream that nobody wants yet (`deliver` is false) keeps what comes, from a side's first byte on,
until it is known whether somebody does.
"""

from collections.abc import Callable

from backchannel.flows.delivery import DATA, END, GAP, Delivery
from backchannel.flows.settings import FlowSettings

HALF = 1 << 31
WINDOW = 1 << 30
"""No TCP window is larger (RFC 7323 §2.3)."""
VAIN = 3
"""Answers to a side that waited in vain, one after another, behind which none waits any more."""
NODE_COST = 64
"""What a waiting segment costs beside its bytes."""
SECOND = 1_000_000_000
MILLISECOND = 1_000_000


class Out:
    """Where deliveries go, and the time and frame of the packet in hand."""

    def __init__(self) -> None:
        self.batch: list[Delivery] = []
        self.time = self.frame = 0

    def put(self, slot: int, side: int, kind: int, what: bytes | int) -> None:
        """Deliver *what* as of the packet in hand."""
        self.batch.append((slot, side, kind, self.time, self.frame, what))


def ahead(a: int, b: int) -> int:
    """Return how far sequence number *a* is ahead of *b*; negative: behind."""
    return ((a - b + HALF) & 0xFFFFFFFF) - HALF


class Budget:
    """Bytes buffered in all streams together."""

    def __init__(self, total: int) -> None:
        self.total, self.used = total, 0

    def fits(self, size: int) -> bool:
        """Say whether *size* more bytes may be kept."""
        return self.used + size <= self.total


class Segment:
    """Bytes that wait behind a hole, or for what they answer."""

    __slots__ = ("ack", "data", "frame", "seq", "time")

    def __init__(self, seq: int, data: bytes, time: int, frame: int, ack: int) -> None:
        self.seq, self.data, self.time, self.frame = seq, data, time, frame
        self.ack = (
            ack  # its sender had the other side's bytes before this one; -1: it waits for none
        )


class _Half:
    """One side's stream."""

    def __init__(self) -> None:
        self.next = -1  # sequence number of the next byte; -1: not known
        self.acked = -1
        self.fin = -1
        self.fin_time = 0
        self.ended = False
        self.full = False  # bytes had to be let go while nobody wanted the stream yet
        self.vain = 0  # answers that waited for its bytes in vain, since one did not
        self.held: list[Segment] = []
        self.held_bytes = 0
        self.history = b""


class Stream:
    """Both sides of one TCP flow."""

    def __init__(
        self,
        slot: int,
        settings: FlowSettings,
        budget: Budget,
        out: Out,
        count: Callable[..., None],
    ) -> None:
        self.slot, self.settings, self.budget, self.count = slot, settings, budget, count
        self.out = out
        self.halves = (_Half(), _Half())
        self.deliver = False

    # -- input ---------------------------------------------------------------------------------

    def acknowledge(self, side: int, ack: int, *, patient: bool) -> None:
        """*side*'s bytes before *ack* were received by the other side.

        *patient*: what is missing of them may still come, a little late.
        """
        half = self.halves[side]
        if half.next < 0 or half.ended:
            return
        if not 0 < ahead(ack, half.next) < WINDOW:
            return
        if half.acked < 0 or ahead(ack, half.acked) > 0:
            half.acked = ack
        if not self.deliver:
            return
        self._give_up(side, patient=patient)
        self._end(side, patient=patient)

    def fin(self, side: int, seq: int) -> None:
        """*side* says that its last byte is the one before *seq*."""
        half = self.halves[side]
        if half.fin < 0 and not half.ended:
            half.fin, half.fin_time = seq, self.out.time

    def segment(self, side: int, seq: int, data: bytes, ack: int) -> bool:
        """*side* sent *data* at *seq*, and had the other side's bytes before *ack* (-1: none). True
        where it repeats bytes with other content.
        """
        half = self.halves[side]
        other = self.halves[1 - side]
        if other.held and other.held[0].seq == other.next and seq == half.next:
            half.vain = 0  # this is what waits for it
        if half.ended:
            if not len(data) <= ahead(half.next, seq) <= len(half.history):  # no repetition
                self.count("tcp bytes after the end")
            return False
        if half.next < 0:
            half.next = seq
        if self.deliver:
            self._give_up(side, patient=True)
        distance = ahead(seq, half.next)
        if distance <= -WINDOW or distance >= WINDOW:
            self.count("tcp segments out of window")
            return False
        if len(data) == 1 and distance == -1:
            return (
                False  # a keep-alive repeats one byte, whose value means nothing (RFC 9293 §3.8.4)
            )
        conflict = False
        if distance < 0:
            conflict = self._differs(half, distance, data)
            data, seq, distance = data[-distance:], half.next, 0
        if data:
            conflict |= self._insert(side, seq, data, ack)
        if conflict:
            self.count("tcp retransmissions with other content")
        self._end(side, patient=True)
        return conflict

    def is_early(self, side: int, ack: int) -> bool:
        """Say whether what *side* sends with *ack* answers bytes that did not come yet."""
        other = self.halves[1 - side]
        if ack < 0 or other.next < 0 or other.ended or other.vain >= VAIN:
            return False
        return self.settings.answers_wait and 0 < ahead(ack, other.next) < WINDOW

    def restart(self, side: int, seq: int) -> None:
        """*side* goes on at *seq*, far from where it was."""
        half = self.halves[side]
        self._flush(side, "tcp gaps at the end")
        if half.next >= 0 and not half.ended:
            self._gap(side, (seq - half.next) & 0xFFFFFFFF)
        half.next, half.acked, half.fin, half.history = seq, -1, -1, self._forget(half)

    def expire(self) -> None:
        """Give up holes that were waited for long enough."""
        if not self.deliver:
            return
        for side in (0, 1):
            self._give_up(side, patient=True)
            self._end(side, patient=True)

    def let_go(self) -> None:
        """Forget what was delivered: nothing has come for so long that nothing will repeat it."""
        for half in self.halves:
            half.history = self._forget(half)

    def start(self) -> None:
        """Somebody wants the stream: deliver what is in order, in the order in which it came."""
        self.deliver = True
        self._drain()

    def prefix(self, side: int) -> bytes:
        """Return the bytes of *side* that are kept without a hole before them."""
        half, out = self.halves[side], b""
        for segment in half.held:
            if segment.seq != (half.next + len(out)) & 0xFFFFFFFF:
                break
            out += segment.data
        return out

    def settle(self, side: int) -> None:
        """Nobody wants what is kept of *side*."""
        half = self.halves[side]
        self.budget.used -= half.held_bytes
        half.held, half.held_bytes, half.full = [], 0, False

    def close(self) -> None:
        """The flow is over: deliver what waits, in the order in which it came, and free all."""
        while self.deliver and (waiting := [s for s in (0, 1) if self.halves[s].held]):
            side = min(waiting, key=lambda s: self.halves[s].held[0].frame)
            self._force(side, "tcp gaps at the end")
        for side, half in enumerate(self.halves):
            if self.deliver and half.next >= 0 and not half.ended:
                self._tail(side)
        self.free()

    def free(self) -> None:
        """Forget all bytes."""
        self.deliver = False
        for half in self.halves:
            half.history = self._forget(half)
            self.budget.used -= half.held_bytes
            half.held, half.held_bytes = [], 0

    # -- holes ---------------------------------------------------------------------------------

    def _insert(self, side: int, seq: int, data: bytes, ack: int) -> bool:
        """Deliver or keep bytes at or after the next one; True where they differ from kept ones."""
        half = self.halves[side]
        if self.deliver and seq == half.next and not half.held and not self.is_early(side, ack):
            self._now(side, data)
            conflict = False
        else:
            fresh, conflict = _new_parts(half.held, seq, data)
            for part_seq, part in fresh:
                self._keep(side, Segment(part_seq, part, self.out.time, self.out.frame, ack))
        if self.deliver:
            self._drain()
            self._end(1 - side, patient=True)  # it may have waited for these bytes
        return conflict

    def _keep(self, side: int, segment: Segment) -> None:
        half, settings = self.halves[side], self.settings
        cost = len(segment.data) + NODE_COST
        bound = settings.stream_bytes if self.deliver else settings.opening_bytes
        while (
            segment.seq != half.next or not self.deliver or self.is_early(side, segment.ack)
        ) and (
            half.held_bytes + cost > bound
            or len(half.held) >= settings.stream_segments
            or not self.budget.fits(cost)
        ):
            if not self.deliver:
                self.count("tcp opening bytes dropped")
                half.full = True
                return
            if half.held and ahead(segment.seq, half.held[0].seq) > 0:
                self._force(side, "tcp gaps to bound memory")
                continue
            if segment.seq != half.next:
                self.count("tcp gaps to bound memory")
                self._gap(side, ahead(segment.seq, half.next))
                half.next = segment.seq
            segment.ack = -1
        if self.deliver and segment.seq == half.next and not self.is_early(side, segment.ack):
            self._segment(side, segment)
            self._drain()
            return
        half.held_bytes += cost
        self.budget.used += cost
        at = len(half.held)
        while at and ahead(half.held[at - 1].seq, segment.seq) > 0:
            at -= 1
        half.held.insert(at, segment)

    def is_fresh(self, time: int) -> bool:
        """Say whether bytes that were acknowledged may still come behind what came at *time*."""
        return self.out.time - time <= self.settings.late_ms * MILLISECOND

    def _give_up(self, side: int, *, patient: bool) -> None:
        """Make gaps of the holes that nothing is going to fill, and wait for no lost question."""
        half = self.halves[side]
        while half.held:
            first = half.held[0]
            if first.seq == half.next:
                if self.is_fresh(first.time):
                    return
                self._give(side, "tcp gaps acknowledged")
            elif half.acked >= 0 and ahead(half.acked, first.seq) >= 0:
                if patient and self.is_fresh(first.time):
                    return
                self._give(side, "tcp gaps acknowledged")
            elif self.out.time - first.time > self.settings.hole_wait * SECOND:
                self._give(side, "tcp gaps after waiting")
            else:
                return

    def _give(self, side: int, why: str) -> None:
        """Deliver the first of what waits, and before it what the other side sent before it."""
        half, other = self.halves[side], self.halves[1 - side]
        first = half.held[0]
        if first.seq == half.next:
            other.vain = min(other.vain + 1, VAIN)
        while other.held and other.held[0].frame < first.frame:
            self._force(1 - side, why)
        if half.held and half.held[0] is first:
            self._force(side, why)

    def _skip(self, side: int, why: str) -> None:
        """Make the first hole a gap and deliver what is behind it."""
        half = self.halves[side]
        self.count(why)
        self._gap(side, ahead(half.held[0].seq, half.next))
        half.next = half.held[0].seq
        self._drain()

    def _force(self, side: int, why: str) -> None:
        """Deliver the first of what waits, whatever it waits for."""
        half = self.halves[side]
        half.held[0].ack = -1
        if half.held[0].seq != half.next:
            self._skip(side, why)
        else:
            self._drain()

    def _flush(self, side: int, why: str) -> None:
        while self.deliver and self.halves[side].held:
            self._force(side, why)

    def _drain(self) -> None:
        """Deliver what waits for nothing any more, in the order in which it came."""
        while ready := [side for side in (0, 1) if self._ready(side)]:
            side = min(ready, key=lambda side: self.halves[side].held[0].frame)
            self._segment(side, self._pop(self.halves[side]))

    def _ready(self, side: int) -> bool:
        half = self.halves[side]
        if not half.held or half.held[0].seq != half.next:
            return False
        return not self.is_early(side, half.held[0].ack)

    def _pop(self, half: _Half) -> Segment:
        segment = half.held.pop(0)
        cost = len(segment.data) + NODE_COST
        half.held_bytes -= cost
        self.budget.used -= cost
        return segment

    def _tail(self, side: int) -> None:
        """Bytes before the end that the other side acknowledged and nobody saw."""
        half = self.halves[side]
        last = half.fin
        if last < 0 and half.acked >= 0 and ahead(half.acked, half.next) > 1:
            last = half.acked  # one byte more may be a FIN that was lost
        if last >= 0 and 0 < ahead(last, half.next) < WINDOW:
            self.count("tcp gaps at the end")
            self._gap(side, ahead(last, half.next))
            half.next = last
        if half.fin >= 0 and half.fin == half.next:
            half.ended = True
            self.out.put(self.slot, side, END, 0)

    def _end(self, side: int, *, patient: bool) -> None:
        """Deliver END once the FIN came in order and was acknowledged."""
        half = self.halves[side]
        if half.fin < 0 or half.ended or not self.deliver or half.held:
            return
        if ahead(half.next, half.fin) > 0:
            half.fin = -1  # bytes came after it: it was forged
            return
        waits = patient and half.next != half.fin and self.is_fresh(half.fin_time)
        if half.acked >= 0 and ahead(half.acked, half.fin) > 0 and not waits:
            self._tail(side)

    # -- output --------------------------------------------------------------------------------

    def _gap(self, side: int, size: int) -> None:
        half = self.halves[side]
        half.history = self._forget(half)
        self.count("tcp bytes never seen", size)
        self.out.put(self.slot, side, GAP, size)

    def _segment(self, side: int, segment: Segment) -> None:
        self._data(side, segment.data, segment.time, segment.frame)

    def _now(self, side: int, data: bytes) -> None:
        self._data(side, data, self.out.time, self.out.frame)

    def _data(self, side: int, data: bytes, time: int, frame: int) -> None:
        half = self.halves[side]
        half.next = (half.next + len(data)) & 0xFFFFFFFF
        self.out.batch.append((self.slot, side, DATA, time, frame, data))
        kept = (half.history + data)[-self.settings.history_bytes :]
        if self.budget.fits(len(kept) - len(half.history)):
            self.budget.used += len(kept) - len(half.history)
            half.history = kept
        else:
            half.history = self._forget(half)

    def _forget(self, half: _Half) -> bytes:
        self.budget.used -= len(half.history)
        return b""

    def _differs(self, half: _Half, distance: int, data: bytes) -> bool:
        """Compare *data*, which begins *distance* before the next byte, with what is remembered."""
        known = half.history[max(0, len(half.history) + distance) :]
        skip = -distance - len(known)
        seen = data[max(0, skip) : -distance]
        return seen != known[: len(seen)]


def _new_parts(held: list[Segment], seq: int, data: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    """Return the parts of *data* that are not held yet, and whether the others differ."""
    fresh: list[tuple[int, bytes]] = []
    conflict, at, size = False, 0, len(data)
    for segment in held:
        begin = ahead(segment.seq, seq)
        end = begin + len(segment.data)
        if end <= at:
            continue
        if begin >= size:
            break
        if begin > at:
            fresh.append(((seq + at) & 0xFFFFFFFF, data[at:begin]))
            at = begin
        stop = min(size, end)
        conflict |= segment.data[at - begin : stop - begin] != data[at:stop]
        at = stop
    if at < size:
        fresh.append(((seq + at) & 0xFFFFFFFF, data[at:]))
    return fresh, conflict
