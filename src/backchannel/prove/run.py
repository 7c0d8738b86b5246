"""One lab's share of a proof: every cell played without the ruleset, then under it.

Cells run at the same time, each on addresses of its own, so what the kernel's trace says of a pair
of addresses belongs to one cell. Where the policy leaves no choice of addresses, cells take turns.
"""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network
from typing import NamedTuple

import msgspec

from backchannel.prove import enforcers, methods, trace
from backchannel.prove.conversation import Conversation
from backchannel.prove.enforcers import Enforced, Enforcer
from backchannel.prove.lab import INSIDE, MANY, OUTSIDE, Lab, Net, Plan
from backchannel.prove.player import Places, Played, Player

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
    left: tuple[Cell, ...] = ()
    """To be joined midway on addresses that were taken until after the ruleset: for another lab."""


_MANY = 4096
"""A network with so many addresses has enough for all plays."""
_LOOKED_AT = 1 << 17
"""So many of its addresses are looked at for one of the right length."""
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
        self._places = _Addresses()
        self._turns = _Turns()
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
            left=tuple(cell for cell, each in begun if each is None),
        )

    # -- playing

    def _player(self, cell: Cell) -> tuple[Player, tuple[str, ...]]:
        conversation = self.job.conversations[cell.conversation]
        method = methods.METHODS[cell.method]
        places, shared = self._places.take(cell, conversation, method)
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
        """Play a cell; silence that no rule explains is tried again before it is believed."""
        player, played = await self._play(cell)
        result = self._result(cell, player, played)
        if played.ending == "silence" and not any(_stops(each) for each in result.decided):
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


def _stops(decided: Decided) -> bool:
    return decided.verdict in _STOPPING


def _joins(cell: Cell) -> bool:
    return methods.METHODS[cell.method].midstream


class _Begun(NamedTuple):
    """A play that waits for the ruleset."""

    player: Player
    task: "asyncio.Task[Played]"
    held: AsyncExitStack
    """Its turn on addresses that others want too."""


class _Turns:
    """Addresses that plays have to share: one play at a time has them."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def free(self, addresses: Iterable[str]) -> bool:
        """Whether nobody has one of them."""
        return not any(self._locks[each].locked() for each in addresses)

    @asynccontextmanager
    async def taken(self, addresses: Iterable[str]) -> AsyncIterator[None]:
        """Wait for them, in an order that is the same for all, and have them for the block."""
        async with AsyncExitStack() as held:
            for each in sorted(set(addresses)):
                await held.enter_async_context(self._locks[each])
            yield


class _Addresses:
    """Gives every play addresses that no other play uses, as far as the policy leaves a choice."""

    def __init__(self) -> None:
        self._used: Counter[tuple[Net, int]] = Counter()
        self._taken: set[str] = set()
        self._exhausted: set[tuple[Net, int]] = set()

    def take(
        self, cell: Cell, conversation: Conversation, method: methods.Method
    ) -> tuple[Places, tuple[str, ...]]:
        """Return the addresses, and the key of those that must be shared with others by turns."""
        inside, alone = self._next(cell.inside, INSIDE, method.version, conversation.inside)
        shared: tuple[str, ...] = () if alone else (inside,)
        found = []
        for recorded in conversation.hosts:
            pool = (MANY, OUTSIDE[1]) if method.cut == "bytes" else OUTSIDE
            address, alone = self._next(cell.outside, pool, method.version, recorded)
            shared += () if alone else (address,)
            found.append(address)
        proxy, _ = self._next((), OUTSIDE, 4)
        resolver, _ = self._next((), OUTSIDE, 4)
        return Places(inside, tuple(found), proxy, resolver), shared

    def _next(
        self, named: tuple[str, ...], default: tuple[Net, Net], version: int, recorded: str = ""
    ) -> tuple[str, bool]:
        """Return an address of the named networks, and whether it is one of many.

        As long as the recorded one in digits, where there is such a one: then it can take its
        place in the bytes of a conversation.
        """
        nets = [net for net in map(ip_network, named) if net.version == version]
        net: Net = nets[0] if nets else default[0 if version == 4 else 1]
        size = min(net.num_addresses, _LOOKED_AT)
        usable = size - 2 if size > 4 else size
        many = usable > _MANY
        long = len(recorded) if version == 4 and many else 0
        if (net, long) in self._exhausted:
            long = 0
        number = self._used[net, long]
        for _ in range(usable):
            address = str(net.network_address + (number % usable + (1 if size > 4 else 0)))
            number += 1
            if not many or (address not in self._taken and (not long or len(address) == long)):
                break
        else:
            self._exhausted.add((net, long))
            return self._next(named, default, version)
        self._used[net, long] = number
        self._taken.add(address)
        return address, many
