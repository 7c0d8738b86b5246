"""Packets that wait in the kernel until the bytes before them have come and were judged.

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


class Held(msgspec.Struct, frozen=True):
    """One packet that waits."""

    queue: Queue
    number: int
    side: int
    end: int
    """Sequence number after its last byte."""
    size: int
    since: int


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

    def review(self, now: int) -> None:
        """Let go what is known by now, and what has waited too long."""
        for (slot, serial), held in list(self._flows.items()):
            kept = []
            for each in held:
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
