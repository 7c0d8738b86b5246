"""Packets that wait in the kernel until the bytes before them have come and were judged, or until
the message that they begin is whole.

Bounded in number, bytes and time. At a bound the packet passes, or is dropped where its queue
fails closed; TCP sends a dropped one again.
"""

from collections.abc import Callable

import msgspec

from backchannel.enforce.nfqueue import ACCEPT, DROP, Queue
from backchannel.enforce.sift import Packet

WAIT = 500_000_000
"""Nanoseconds that a packet waits at most."""
MOST = 2048
"""Packets that wait at once; half of a queue's length."""
MOST_BYTES = 16 << 20
MOST_OF_FLOW = 64
MESSAGE_PAUSE, MESSAGE_WAIT = 150_000_000, 1_500_000_000
MESSAGE_BYTES, MESSAGE_PACKETS = 8192, 512
"""The end of a message is waited for as long as its sender goes on without such a pause (ns), and
for so many ns, bytes and packets in all. A sender that waits for us pauses."""


class Held(msgspec.Struct, frozen=True):
    """One packet that waits."""

    queue: Queue
    number: int
    side: int
    end: int
    """Sequence number after its last byte."""
    size: int
    since: int
    message: bool = False
    """It waits for the end of its message, not for bytes before it."""


class Holds:
    """All packets that wait, by flow."""

    def __init__(
        self,
        known: Callable[[int, int, int], int],
        closed: Callable[[int], bool],
        count: Callable[[str], None],
    ) -> None:
        """*known* is `Sift.known`; *closed* says of a queue's number whether it fails closed."""
        self._known, self._closed, self._count = known, closed, count
        self._flows: dict[tuple[int, int], list[Held]] = {}
        self.packets = self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._flows)

    def hold(self, packet: Packet, now: int) -> None:
        """Let *packet* wait, or decide at once where there is no room."""
        flow = self._flows.setdefault((packet.slot, packet.serial), [])
        full = len(flow) >= MOST_OF_FLOW or self.packets >= MOST or self.bytes >= MOST_BYTES
        if full:
            self._overflow(packet.queue, packet.number)
            if not flow:
                del self._flows[packet.slot, packet.serial]
            return
        end = packet.begin + packet.length & 0xFFFFFFFF
        flow.append(Held(packet.queue, packet.number, packet.side, end, packet.length, now))
        self.packets += 1
        self.bytes += packet.length
        self._count("packets held until the bytes before them came")

    def hold_message(self, packet: Packet, now: int) -> bool:
        """Let *packet* wait for the end of its message; False: there is no room, so all pass."""
        flow = self._flows.setdefault((packet.slot, packet.serial), [])
        mine = [each for each in flow if each.message and each.side == packet.side]
        long = len(mine) >= MESSAGE_PACKETS or sum(each.size for each in mine) >= MESSAGE_BYTES
        if long or self.packets >= MOST or self.bytes >= MOST_BYTES:
            self.release(packet.slot, packet.serial, packet.side)
            self._count("messages passed before their end: longer than is held")
            return False
        end = (packet.begin + packet.length) & 0xFFFFFFFF
        flow.append(
            Held(packet.queue, packet.number, packet.side, end, packet.length, now, message=True)
        )
        self.packets += 1
        self.bytes += packet.length
        return True

    def release(self, slot: int, serial: int, side: int) -> None:
        """A message of *side* is whole: let go what waited for it, in its order."""
        flow = self._flows.get((slot, serial))
        if flow is None:
            return
        for each in flow:
            if each.message and each.side == side:
                each.queue.judge(each.number, ACCEPT)
                self._gone(each)
        kept = [each for each in flow if not each.message or each.side != side]
        if kept:
            self._flows[slot, serial] = kept
        else:
            del self._flows[slot, serial]

    def first(self, slot: int, serial: int, side: int) -> int | None:
        """Return the sequence number of the first byte of *side* that waits; None: nothing does."""
        begins = [
            (each.end - each.size) & 0xFFFFFFFF
            for each in self._flows.get((slot, serial), ())
            if each.side == side
        ]
        return min(begins, key=lambda begin: _ahead(begin, begins[0])) if begins else None

    def review(self, now: int) -> None:
        """Let go what is known by now, and what has waited too long."""
        for (slot, serial), held in list(self._flows.items()):
            kept = []
            newest = max(each.since for each in held)
            for each in held:
                if each.message:
                    if now - newest <= MESSAGE_PAUSE and now - each.since <= MESSAGE_WAIT:
                        kept.append(each)
                        continue
                    self._count("messages passed before their end: it did not come in time")
                    each.queue.judge(each.number, ACCEPT)
                    self._gone(each)
                    continue
                known = self._known(slot, each.side, serial)
                if known < 0 or _ahead(each.end, known) <= 0:
                    each.queue.judge(each.number, ACCEPT)
                    self._gone(each)
                elif now - each.since > WAIT:
                    self._overflow(each.queue, each.number)
                    self._gone(each)
                else:
                    kept.append(each)
            if kept:
                self._flows[slot, serial] = kept
            else:
                del self._flows[slot, serial]

    def drop(self, slot: int, serial: int) -> None:
        """Drop what waits of a flow that is refused."""
        for each in self._flows.pop((slot, serial), ()):
            each.queue.judge(each.number, DROP)
            self._count("packets held, then dropped with their flow")
            self._gone(each)

    def _gone(self, held: Held) -> None:
        self.packets -= 1
        self.bytes -= held.size

    def _overflow(self, queue: Queue, number: int) -> None:
        """A bound was met: what the queue is for decides."""
        if self._closed(queue.number):
            queue.judge(number, DROP)
            self._count("packets dropped at the bound of what is held")
        else:
            queue.judge(number, ACCEPT)
            self._count("packets passed at the bound of what is held")


def _ahead(one: int, other: int) -> int:
    """Return how far sequence number *one* is ahead of *other*."""
    return ((one - other + 0x80000000) & 0xFFFFFFFF) - 0x80000000
