"""One lab's share of a proof: every cell played without the ruleset, then under it.

Cells run at the same time, each on addresses of its own: see addresses.py.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import NamedTuple

import msgspec

from backchannel.prove import enforcers, methods, trace
from backchannel.prove.addresses import Addresses, Turns
from backchannel.prove.conversation import Conversation
from backchannel.prove.enforcers import Enforced, Enforcer
from backchannel.prove.lab import Lab, Plan
from backchannel.prove.player import Played, Player

AT_ONCE = 48
"""Conversations on their way at the same time in one lab."""
GUARDED = 8
"""As many where a guard in user space decides: it is to be proved, not flooded."""
CALMER = 3
"""How much more patience a second try has."""
TIMED = 5
"""Plays, one at a time; the fastest says how long a conversation takes."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation by one method."""

    id: int
    conversation: int
    """Which one of the job's."""
    method: str
    inside: tuple[str, ...] = ()
    """Networks of the inside host; empty: wherever."""
    outside: tuple[str, ...] = ()
    """Networks of the outside hosts; empty: wherever."""
    renews: bool = False
    """Where it is reset midstream, play it again from its beginning, as its ends would."""
    timed: bool = False
    """Measure how long it takes, with and without the ruleset."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one lab has to do."""

    plan: Plan
    enforced: Enforced | None
    conversations: tuple[Conversation, ...]
    cells: tuple[Cell, ...]
    patience: float


class Decided(msgspec.Struct, frozen=True):
    """A rule that packets of a cell met, and how many of them."""

    rule: str
    verdict: str
    packets: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one cell."""

    cell: int
    control: Played
    """Without the ruleset."""
    played: Played
    """Under it."""
    decided: tuple[Decided, ...]
    """Rules that dropped its packets first, then those that accepted them; most packets first."""
    renewed: bool = False
    """It was reset midstream, and passed when it began anew."""
    seconds: tuple[float, float] | None = None
    """Least time without and with the ruleset, where timed."""


class Counted(msgspec.Struct, frozen=True):
    """A rule's own counter over the whole run, beside what the trace saw of it."""

    rule: str
    packets: int
    traced: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one lab found."""

    results: tuple[Result, ...]
    counters: tuple[Counted, ...]
    lost: int
    """How often the kernel's trace overflowed; rules may then be missing, results never."""
    remarks: tuple[str, ...] = ()
    """What the guard said meanwhile."""
    left: tuple[Cell, ...] = ()
    """To be joined midway on addresses that were taken until after the ruleset: for another lab."""


Tell = Callable[[int], None]
_STOPPING = frozenset({"drop", "queue"})
_NAMED = re.compile(r'counter name "([^"]+)"')


class Run:
    """One lab at work."""

    def __init__(self, job: Job, tell: Tell = lambda _: None) -> None:
        inside = {net for cell in job.cells for net in cell.inside}
        outside = {net for cell in job.cells for net in cell.outside}
        plan = msgspec.structs.replace(
            job.plan,
            inside=(*job.plan.inside, *sorted(inside)),
            outside=(*job.plan.outside, *sorted(outside)),
        )
        self.job, self.tell = job, tell
        self.lab = Lab(plan)
        self.enforcer: Enforcer = enforcers.make(self.lab, job.enforced)
        self.trace = trace.Trace(self.lab)
        self._places = Addresses()
        self._turns = Turns()
        guarded = job.enforced is not None and job.enforced.kind == "guard"
        self._at_once = asyncio.Semaphore(GUARDED if guarded else AT_ONCE)
        self._control: dict[int, Played] = {}
        self._seconds: dict[int, list[float]] = {}

    async def report(self) -> Report:
        """Play every cell without the ruleset and under it; return what became of each."""
        enforcers.load_table(self.lab, trace.TRACKING)
        await asyncio.gather(*(self._without(cell) for cell in self.job.cells))
        await self._time(
            cell.id for cell in self.job.cells if self._control[cell.id].ending is None
        )
        begun = [(cell, await self._begin(cell)) for cell in self.job.cells if _joins(cell)]
        self.enforcer.start()
        enforcers.drop_table(self.lab, f"{trace.TABLE}_before")
        enforcers.load_table(self.lab, trace.LOADED)
        loop = asyncio.get_running_loop()
        loop.add_reader(self.trace.socket, self.trace.read)
        before = self.enforcer.counters()
        self.trace.forget()
        under = [self._under(cell) for cell in self.job.cells if not _joins(cell)]
        joined = [self._join(cell, each) for cell, each in begun if each]
        results = await asyncio.gather(*joined, *under)
        self.trace.read()
        after = self.enforcer.counters()
        counted = tuple(self._counted(before, after))
        loop.remove_reader(self.trace.socket)
        enforcers.drop_table(self.lab, trace.TABLE)
        await self._time(result.cell for result in results if result.played.ending is None)
        return Report(
            results=tuple(self._timed(result) for result in results),
            counters=counted,
            lost=self.trace.lost,
            remarks=self.enforcer.remarks(),
            left=tuple(cell for cell, each in begun if each is None),
        )

    # -- playing

    def _player(self, cell: Cell) -> tuple[Player, tuple[str, ...]]:
        conversation = self.job.conversations[cell.conversation]
        method = methods.METHODS[cell.method]
        places, shared = self._places.take(cell.inside, cell.outside, conversation, method)
        if method.fragments:
            self.lab.fragment(places.hosts, methods.FRAGMENT)
        return Player(self.lab, conversation, method, places, self.job.patience), shared

    async def _play(self, cell: Cell, *, calm: bool = False) -> tuple[Player, Played]:
        """Play a cell in its turn; *calm*: with more patience."""
        player, shared = self._player(cell)
        if calm:
            player.patience *= CALMER
        player.gate.set()
        async with self._turns.taken(shared), self._at_once:
            return player, await player.play()

    async def _without(self, cell: Cell) -> None:
        _, played = await self._play(cell)
        if played.ending is not None:
            _, played = await self._play(cell, calm=True)
        self._control[cell.id] = played
        self.tell(1)

    async def _under(self, cell: Cell) -> Result:
        """Play a cell; silence that no rule explains is tried again before it is believed. That a
        guard's queue was met explains none.
        """
        player, played = await self._play(cell)
        result = self._result(cell, player, played)
        if played.ending == "silence" and not any(
            each.verdict == "drop" for each in result.decided
        ):
            result = self._result(cell, *await self._play(cell, calm=True))
        self.tell(1)
        return result

    async def _begin(self, cell: Cell) -> "_Begun | None":
        """Play up to where the ruleset comes; None where another such play has the addresses."""
        player, shared = self._player(cell)
        if not self._turns.free(shared):
            self.tell(-1)  # without the ruleset it has been played, and will be again
            return None
        held = AsyncExitStack()
        await held.enter_async_context(self._turns.taken(shared))
        task = asyncio.create_task(player.play())
        await player.ready.wait()
        return _Begun(player, task, held)

    async def _join(self, cell: Cell, begun: "_Begun") -> Result:
        async with begun.held:
            begun.player.gate.set()
            result = self._result(cell, begun.player, await begun.task)
        if cell.renews and result.played.ending == "reset":
            _, again = await self._play(cell)
            result = msgspec.structs.replace(result, renewed=again.ending is None)
        self.tell(1)
        return result

    async def _time(self, through: Iterable[int]) -> None:
        """Measure the timed cells among those that got through."""
        these = set(through)
        for cell in self.job.cells:
            if cell.timed and cell.id in these:
                times = [(await self._play(cell))[1].seconds for _ in range(TIMED)]
                self._seconds.setdefault(cell.id, []).append(min(times))

    # -- what it met

    def _result(self, cell: Cell, player: Player, played: Played) -> Result:
        self.trace.read()
        met: Counter[trace.Met] = Counter()
        places = player.places
        for host in {*places.hosts, places.proxy, places.resolver}:
            met += self.trace.between(places.inside, host)
        return Result(
            cell=cell.id,
            control=self._control[cell.id],
            played=played,
            decided=tuple(self._decided(met)),
        )

    def _decided(self, met: Counter[trace.Met]) -> Iterator[Decided]:
        """Yield the rules that stopped packets, the busiest first, then those that let them pass,
        the one that the first packet met first.
        """
        final = [item for item in met.items() if item[0].verdict in trace.FINAL]
        stops = [item for item in final if item[0].verdict in _STOPPING]
        stops.sort(key=lambda item: (item[0].verdict != "drop", -item[1], item[0].handle))
        for each, packets in [*stops, *(item for item in final if item not in stops)]:
            yield Decided(self.enforcer.words(each), each.verdict, packets)

    def _counted(self, before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[Counted]:
        traced: Counter[str] = Counter()
        for met, count in self.trace.totals().items():
            rule = self.enforcer.words(met)
            traced[rule] += count
            if named := _NAMED.search(rule):
                traced[f"counter {named[1]}"] += count
        for rule, packets in after.items():
            if packets > before.get(rule, 0):
                yield Counted(rule, packets - before.get(rule, 0), traced[rule])

    def _timed(self, result: Result) -> Result:
        times = self._seconds.get(result.cell, [])
        if len(times) != 2 or result.played.ending is not None:
            return result
        return msgspec.structs.replace(result, seconds=(times[0], times[1]))


def _joins(cell: Cell) -> bool:
    return methods.METHODS[cell.method].midstream


class _Begun(NamedTuple):
    """A play that waits for the ruleset."""

    player: Player
    task: "asyncio.Task[Played]"
    held: AsyncExitStack
    """Its turn on addresses that others want too."""
