"""Packets that wait in the kernel until the bytes before them have come and were judged, or until
the message that they begin is whole.

Bounded in number, bytes and time. At a bound the packet passes, or is dropped where its queue
fails closed; TCP sends a dropped one again. A sender who stops because nobody answers is told that
they came, see `nudge`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from backchannel.enforce.nfqueue import ACCEPT, DROP, Queue
from backchannel.enforce.sift import Packet
from backchannel.enforce.tcp import after, ahead

WAIT = 500_000_000
"""Nanoseconds that a packet waits at most."""
MOST = 2048
"""Packets that wait at once; half of a queue's length."""
MOST_BYTES = 16 << 20
MOST_OF_FLOW = 64
MESSAGE_PAUSE, MESSAGE_WAIT = 400_000_000, 1_500_000_000
MESSAGE_BYTES, MESSAGE_PACKETS = 8192, 512
"""The end of a message is waited for as long as its sender goes on without such a pause (ns), and
for so many ns, bytes and packets in all. A sender that waits for us pauses."""
NUDGE = 4_000_000
"""Nanoseconds without a packet after which a sender is told that the ones before came: longer than
packets overtake each other, shorter than any time-out of TCP."""
HEAD = 160
"""Bytes kept of a packet that waits: all of its headers."""


class Held(msgspec.Struct, frozen=True):
    """One packet that waits."""

    queue: Queue
    number: int
    side: int
    begin: int
    end: int
    """Sequence numbers of its first byte, and after its last."""
    size: int
    since: int
    head: bytes
    message: bool = False
    """It waits for the end of its message, not for bytes before it."""


class Lane(NamedTuple):
    """One side of a flow."""

    slot: int
    serial: int
    side: int


Nudge = Callable[[Lane, Sequence[Held]], None]


class _Waiting:
    """What waits of one flow."""

    __slots__ = ("held", "nudged")

    def __init__(self) -> None:
        self.held: list[Held] = []
        self.nudged = [0, 0]  # the newest packet of each side of which its sender was told


class Holds:
    """All packets that wait, by flow."""

    def __init__(
        self,
        known: Callable[[int, int, int], int],
        closed: Callable[[int], bool],
        count: Callable[[str], None],
        *,
        nudge: Nudge = lambda *_: None,
        late: Callable[[Lane], None] = lambda _: None,
    ) -> None:
        """*known* is `Sift.known`; *closed* says of a queue's number whether it fails closed;
        *nudge* tells a sender that its packets came; *late* is called for a message that was let
        pass before its end.
        """
        self._known, self._closed, self._count = known, closed, count
        self._nudge, self._late = nudge, late
        self._flows: dict[tuple[int, int], _Waiting] = {}
        self.packets = self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._flows)

    def hold(self, packet: Packet, now: int) -> None:
        """Let *packet* wait, or decide at once where there is no room."""
        waiting = self._waiting(packet)
        if self._repeated(packet, waiting):
            return
        if len(waiting.held) >= MOST_OF_FLOW or self._full:
            self._overflow(packet.queue, packet.number)
            self._tidy(packet.slot, packet.serial)
            return
        self._keep(packet, waiting, now)
        self._count("packets held until the bytes before them came")

    def hold_message(self, packet: Packet, now: int) -> bool:
        """Let *packet* wait for the end of its message; False: there is no room, so all pass."""
        waiting = self._waiting(packet)
        if self._repeated(packet, waiting):
            return True
        mine = [each for each in waiting.held if each.message and each.side == packet.side]
        long = len(mine) >= MESSAGE_PACKETS or sum(each.size for each in mine) >= MESSAGE_BYTES
        if long or self._full:
            self.release(packet.slot, packet.serial, packet.side)
            self._tidy(packet.slot, packet.serial)
            self._count("messages passed before their end: longer than is held")
            return False
        self._keep(packet, waiting, now, message=True)
        return True

    def release(self, slot: int, serial: int, side: int) -> None:
        """A message of *side* is whole: let go what waited for it, in its order."""
        waiting = self._flows.get((slot, serial))
        if waiting is None:
            return
        for each in waiting.held:
            if each.message and each.side == side:
                self._accept(each)
        waiting.held = [each for each in waiting.held if not each.message or each.side != side]
        self._tidy(slot, serial)

    def first(self, slot: int, serial: int, side: int) -> int | None:
        """Return the sequence number of the first byte of *side* that waits; None: nothing does."""
        waiting = self._flows.get((slot, serial))
        begins = [each.begin for each in waiting.held if each.side == side] if waiting else []
        return min(begins, key=lambda begin: ahead(begin, begins[0])) if begins else None

    def review(self, now: int) -> None:
        """Let go what is known by now, and what has waited too long; tell senders who wait."""
        for (slot, serial), waiting in list(self._flows.items()):
            newest = max(each.since for each in waiting.held)
            late: set[int] = set()
            waiting.held = [
                each
                for each in waiting.held
                if self._stays(slot, serial, each, newest=newest, now=now, late=late)
            ]
            for side in late:
                self._count("messages passed before their end: it did not come in time")
                self._late(Lane(slot, serial, side))
            self._tidy(slot, serial)
            for side in (0, 1):
                self._tell(Lane(slot, serial, side), waiting, now)

    def drop(self, slot: int, serial: int) -> None:
        """Drop what waits of a flow that is refused."""
        waiting = self._flows.pop((slot, serial), None)
        for each in waiting.held if waiting else ():
            each.queue.judge(each.number, DROP)
            self._count("packets held, then dropped with their flow")
            self._gone(each)

    # -- one packet --------------------------------------------------------------------------------

    @property
    def _full(self) -> bool:
        return self.packets >= MOST or self.bytes >= MOST_BYTES

    def _waiting(self, packet: Packet) -> _Waiting:
        return self._flows.setdefault((packet.slot, packet.serial), _Waiting())

    def _tidy(self, slot: int, serial: int) -> None:
        """Forget a flow of which nothing waits."""
        waiting = self._flows.get((slot, serial))
        if waiting is not None and not waiting.held:
            del self._flows[slot, serial]

    def _keep(self, packet: Packet, waiting: _Waiting, now: int, *, message: bool = False) -> None:
        begin, end = packet.begin, after(packet.begin, packet.length)
        head = packet.payload[:HEAD]
        waiting.held.append(
            Held(
                packet.queue,
                packet.number,
                packet.side,
                begin,
                end,
                packet.length,
                now,
                head,
                message,
            )
        )
        self.packets += 1
        self.bytes += packet.length

    def _repeated(self, packet: Packet, waiting: _Waiting) -> bool:
        """Drop a packet whose bytes wait already: its sender asks what became of them."""
        end = after(packet.begin, packet.length)
        for each in waiting.held:
            if (each.side, each.begin, each.end) == (packet.side, packet.begin, end):
                packet.queue.judge(packet.number, DROP)
                self._count("packets dropped: sent again while the same bytes wait")
                return True
        return False

    def _stays(
        self, slot: int, serial: int, held: Held, *, newest: int, now: int, late: set[int]
    ) -> bool:
        """Let a packet go if it need not wait any more; say whether it still waits."""
        if held.message:
            if now - newest <= MESSAGE_PAUSE and now - held.since <= MESSAGE_WAIT:
                return True
            late.add(held.side)
            self._accept(held)
            return False
        known = self._known(slot, held.side, serial)
        if known < 0 or ahead(held.end, known) <= 0:
            self._accept(held)
            return False
        if now - held.since > WAIT:
            self._overflow(held.queue, held.number)
            self._gone(held)
            return False
        return True

    def _tell(self, who: Lane, waiting: _Waiting, now: int) -> None:
        """Tell a sender who has gone silent what came, once for each time that it goes on."""
        mine = [each for each in waiting.held if each.side == who.side]
        newest = max((each.since for each in mine), default=0)
        if newest > waiting.nudged[who.side] and now - newest >= NUDGE:
            waiting.nudged[who.side] = newest
            self._nudge(who, mine)

    def _accept(self, held: Held) -> None:
        held.queue.judge(held.number, ACCEPT)
        self._gone(held)

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
