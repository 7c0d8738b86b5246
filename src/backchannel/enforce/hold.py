"""Packets that wait in the kernel until the bytes before them have come and were judged, or until
the message that they begin is whole.

Bounded in number, bytes and time. At a bound the packet passes, or is dropped where its queue
fails closed; TCP sends a dropped one again. A sender who stops because nobody answers is told that
they came, see `nudge`.

The time that counts is the sender's: what passes while we do not look, or until it was told what
came of its last packet, is ours. A machine that is busy makes waits longer, and lets nothing pass.
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
MESSAGE_BYTES, MESSAGE_PACKETS = 8192, 768
"""The end of a message is waited for as long as its sender goes on without such a pause (ns), and
for so many ns of pauses, bytes and packets in all. A sender that waits for us pauses. The message
passes then, also where its queue fails closed: what only looks like one must not wait for ever.
"""
STEP = 20_000_000
"""Nanoseconds that count at most from one look to the next: several times as many as pass between
two looks of ours where nothing keeps us from looking."""
UNTOLD = 3_000_000_000
"""Nanoseconds that packets wait at most for their sender to be told, which the guard's own process
does. It hangs then, and a bound is met."""
NUDGE = 4_000_000
"""Nanoseconds without a packet after which a sender is told that the ones before came: longer than
packets overtake each other, shorter than any time-out of TCP. One that went on then is told at once
from then on."""
SEVERAL, FEWEST, NUDGE_OF_FEW = 8, 3, 50_000_000
"""Fewer packets of a message than SEVERAL seldom fill a window (RFC 6928), so that their sender has
no need of us unless it is silent for so long (ns); of fewer than FEWEST it is told nothing. Being
told costs it half of its window, and one acknowledged segment gives it leave for no more than to
send the first one again (RFC 6937): it would stop because of us.
"""
AGAIN = 40_000_000
"""Nanoseconds of its own time after which a sender that stays silent is told again, and after twice
as many the next time: what tells it may be lost on its way."""
STALL = 150_000_000
"""Nanoseconds for which we do not look, or a sender is not told, after which its own timer may have
stopped it (200 ms at least): one that it has struck may send no more than its first segment again,
whatever we tell. Where such a message does not come to its end, a bound is met."""
STALLED = "messages without an end: the guard had stopped for longer than their senders wait"
HUNG = "senders that could not be told that theirs came: the guard hangs"
"""Counters of those."""
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
    """Its sender's time when it came."""
    head: bytes
    message: bool = False
    """It waits for the end of its message, not for bytes before it."""


class Lane(NamedTuple):
    """One side of a flow."""

    slot: int
    serial: int
    side: int


Nudge = Callable[[Lane, Sequence[Held]], int]
"""Tells a sender what came; returns how many packets must have left until it is told, of all."""


class _Sender:
    """One side of a flow of which something waits; times in ns."""

    __slots__ = ("again", "asked", "depends", "owed", "pause", "quiet", "time", "wronged")

    def __init__(self) -> None:
        self.quiet = 0  # since its last packet, until it is told
        self.asked: int | None = None  # it is told when so many packets of ours have left
        self.wronged = False  # whether we stopped for longer than it waits
        self.depends = False  # whether it was told before, and went on
        self.owed = 0  # since it was to be told
        self.again = AGAIN  # it is told once more after such a pause
        self.pause = self.time = 0  # its own: since it knows what came of its last packet, and ever

    def heard(self) -> None:
        """Another packet of it came."""
        self.depends = self.depends or bool(self.asked)
        self.quiet = self.owed = self.pause = 0
        self.asked, self.again = None, AGAIN


class _Waiting:
    """What waits of one flow."""

    __slots__ = ("held", "senders")

    def __init__(self) -> None:
        self.held: list[Held] = []
        self.senders = _Sender(), _Sender()

    def of(self, side: int) -> list[Held]:
        """Return what waits of one side."""
        return [each for each in self.held if each.side == side]

    def end(self, these: Sequence[Held]) -> None:
        """*these* wait no longer."""
        if not these:
            return
        gone = set(map(id, these))
        self.held = [each for each in self.held if id(each) not in gone]


class Holds:
    """All packets that wait, by flow."""

    def __init__(
        self,
        known: Callable[[int, int, int], int],
        closed: Callable[[int], bool],
        count: Callable[[str], None],
        *,
        nudge: Nudge = lambda *_: 0,
        late: Callable[[Lane, bool], None] = lambda *_: None,
    ) -> None:
        """*known* is `Sift.known`; *closed* says of a queue's number whether it fails closed;
        *nudge* tells a sender that its packets came; *late* is called for a message that did not
        come to its end, with whether it was let pass.
        """
        self._known, self._closed, self._count = known, closed, count
        self._nudge, self._late = nudge, late
        self._flows: dict[tuple[int, int], _Waiting] = {}
        self._looked: int | None = None
        self.left = 0
        """Packets that have left, of those that were to tell senders; whoever hears of it sets it.
        """
        self.packets = self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._flows)

    def hold(self, packet: Packet) -> None:
        """Let *packet* wait, or decide at once where there is no room."""
        waiting = self._waiting(packet)
        if self._repeated(packet, waiting):
            return
        if len(waiting.held) >= MOST_OF_FLOW or self._full:
            self._overflow(packet.queue, packet.number)
            self._tidy(packet.slot, packet.serial)
            return
        self._keep(packet, waiting)
        self._count("packets held until the bytes before them came")

    def hold_message(self, packet: Packet, *, wronged: bool = False) -> bool:
        """Let *packet* wait for the end of its message; False: it is too long, so all pass.
        *wronged*: its sender was stopped by us before, amid this message.
        """
        waiting = self._waiting(packet)
        waiting.senders[packet.side].wronged |= wronged
        if self._repeated(packet, waiting):
            return True
        if self._full:
            self._overflow(packet.queue, packet.number)
            self._tidy(packet.slot, packet.serial)
            return True
        mine = [each for each in waiting.held if each.message and each.side == packet.side]
        if mine and _within(packet, mine[0].begin, mine[-1].end):  # sent again, and cut differently
            self._drop_repeated(packet)
            return True
        long = mine and ahead(mine[-1].end, mine[0].begin) >= MESSAGE_BYTES
        if long or len(mine) >= MESSAGE_PACKETS:
            self.release(packet.slot, packet.serial, packet.side)
            self._tidy(packet.slot, packet.serial)
            self._count("messages passed before their end: longer than is held")
            return False
        self._keep(packet, waiting, message=True)
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

    def look(self) -> None:
        """Let go what is known by now."""
        for (slot, serial), waiting in list(self._flows.items()):
            waiting.held = [each for each in waiting.held if not self._came(slot, serial, each)]
            self._tidy(slot, serial)

    def review(self, now: int) -> None:
        """It is *now* (ns, by a clock that nobody sets), and what has come was looked at: let go
        what is known by now, and what has waited too long; tell senders who wait.
        """
        self.look()
        gap, self._looked = 0 if self._looked is None else now - self._looked, now
        passed = max(0, min(gap, STEP))
        for (slot, serial), waiting in list(self._flows.items()):
            for side in {each.side for each in waiting.held}:
                waiting.senders[side].wronged |= gap > STALL
                self._age(Lane(slot, serial, side), waiting, passed)
            self._tidy(slot, serial)

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

    def _keep(self, packet: Packet, waiting: _Waiting, *, message: bool = False) -> None:
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
                waiting.senders[packet.side].time,
                head,
                message,
            )
        )
        waiting.senders[packet.side].heard()
        self.packets += 1
        self.bytes += packet.length

    def _repeated(self, packet: Packet, waiting: _Waiting) -> bool:
        """Drop a packet whose bytes wait already: its sender asks what became of them."""
        end = after(packet.begin, packet.length)
        for each in waiting.held:
            if (each.side, each.begin, each.end) == (packet.side, packet.begin, end):
                self._drop_repeated(packet)
                return True
        return False

    def _drop_repeated(self, packet: Packet) -> None:
        packet.queue.judge(packet.number, DROP)
        self._count("packets dropped: sent again while the same bytes wait")

    def _came(self, slot: int, serial: int, held: Held) -> bool:
        """Let a packet go if the bytes before it have come; say whether they have."""
        if held.message:
            return False
        known = self._known(slot, held.side, serial)
        came = known < 0 or ahead(held.end, known) <= 0
        if came:
            self._accept(held)
        return came

    def _age(self, who: Lane, waiting: _Waiting, passed: int) -> None:
        """Let so much time have passed for what waits of one side."""
        sender = waiting.senders[who.side]
        if sender.asked is None:
            sender.quiet += passed
            mine = waiting.of(who.side)
            few = len(mine) < SEVERAL and all(each.message for each in mine)
            if few and len(mine) < FEWEST:
                sender.asked = 0
            elif sender.depends or sender.quiet >= (NUDGE_OF_FEW if few else NUDGE):
                sender.asked = self._nudge(who, mine)
        elif sender.asked > self.left:
            sender.owed += passed
            sender.wronged |= sender.owed > STALL
            if sender.owed > UNTOLD:
                self._give_up(who, waiting)
        else:
            sender.pause += passed
            sender.time += passed
            late = [each for each in waiting.of(who.side) if self._overdue(each, sender)]
            waiting.end(late)
            self._let_go(who, late, wronged=sender.wronged)
            if sender.asked and sender.pause >= sender.again and (mine := waiting.of(who.side)):
                sender.asked, sender.again = self._nudge(who, mine), 2 * sender.again

    @staticmethod
    def _overdue(held: Held, sender: _Sender) -> bool:
        """Say whether a packet has waited too long."""
        waited = sender.time - held.since
        if held.message:
            return sender.quiet + sender.pause > MESSAGE_PAUSE or waited > MESSAGE_WAIT
        return waited > WAIT

    def _let_go(self, who: Lane, late: Sequence[Held], *, wronged: bool) -> None:
        """Its sender has not gone on: end the wait for *late*."""
        for each in late:
            if each.message and not wronged:
                self._accept(each)
            else:
                self._overflow(each.queue, each.number)
                self._gone(each)
        messages = [each for each in late if each.message]
        if messages and wronged:
            self._count(STALLED)
            self._late(who, not self._closed(messages[0].queue.number))
        elif messages:
            self._count("messages passed before their end: it did not come in time")
            self._late(who, True)

    def _give_up(self, who: Lane, waiting: _Waiting) -> None:
        """A sender cannot be told: end the wait of all that it has sent."""
        self._count(HUNG)
        mine = waiting.of(who.side)
        waiting.end(mine)
        for each in mine:
            self._overflow(each.queue, each.number)
            self._gone(each)

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


def _within(packet: Packet, begin: int, end: int) -> bool:
    """Say whether all bytes of *packet* are between two sequence numbers."""
    last = after(packet.begin, packet.length)
    return ahead(packet.begin, begin) >= 0 and ahead(last, end) <= 0
