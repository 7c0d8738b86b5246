"""A whole run: many hosts at a time, each with few connections, all at the pace that was asked for.

What is found lies in `Prober.hosts` from the beginning on, so that a run that is interrupted has
its results.
"""

import asyncio
import resource
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from backchannel.model import Side
from backchannel.probe.exchange import Exchange
from backchannel.probe.judge import Judge, Verdict
from backchannel.probe.named import Target
from backchannel.probe.pace import Limits, Pace
from backchannel.probe.port import PortProbe, Wishes
from backchannel.probe.ports import Plan
from backchannel.probe.result import Result, State, Talked

PortTask: TypeAlias = "Callable[[Host, Result, asyncio.Semaphore, bool], Awaitable[None]]"
AWAY = 3
"""Ports to which no way was found, without any sign of the host, after which it is away."""
FEW = 1 / 3
"""Of a host's TCP ports that are silent, while others answer: these are asked twice."""
SHARE = 1 << 20
"""Bytes of `Limits.kept` that one host of many may take."""
SPARE_FILES = 32
"""Descriptors that are left for all but the asking."""


@dataclass
class Host:
    """One host and its ports."""

    target: Target
    results: list[Result] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    done: bool = False
    kept: int = 0
    """Bytes that are kept of what it said."""

    @property
    def alive(self) -> bool:
        """Whether anything came from it."""
        return any(
            each.state in {State.OPEN, State.OTHER, State.MUTE, State.CLOSED}
            or any(talked.exchange.itself for talked in each.talked)
            for each in self.results
        )


class Prober:
    """Runs once."""

    def __init__(
        self,
        judge: Judge,
        limits: Limits,
        wishes: Wishes,
        progress: Callable[[int, int], object] = lambda _done, _all: None,
    ) -> None:
        """*progress* is called with ports asked and ports in all."""
        self.hosts: list[Host] = []
        self.exchanges: list[Exchange] = []
        """Those that stood, in the order in which they ended, as far as `Limits.kept` lets."""
        self.counters: Counter[str] = Counter()
        """Connections, datagrams, bytes sent and received; exchanges not kept; faults of ours."""
        self._judge, self._limits, self._wishes = judge, limits, wishes
        self._reader = ThreadPoolExecutor(max_workers=1)
        self._pace = Pace(limits.rate, limits.host_rate)
        self._progress, self._asked, self._all, self._kept = progress, 0, 0, 0

    async def run(self, targets: Iterable[tuple[Target, Plan]]) -> None:
        """Ask everybody."""
        work = list(targets)
        self.hosts = [
            Host(target, [Result(port, expected) for port, expected in plan.items()])
            for target, plan in work
        ]
        self._all = sum(len(host.results) for host in self.hosts)
        waiting = iter(self.hosts)
        count = min(self._limits.hosts, len(self.hosts), _room(self._limits.at_once))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(count):
                    group.create_task(self._hosts(waiting))
        finally:
            self._reader.shutdown(cancel_futures=True)

    async def _hosts(self, waiting: Iterable[Host]) -> None:
        for host in waiting:
            await _HostProbe(host, self._limits, self._port).run()
            self._pace.forget(host.target.address)
            host.done = True

    async def _read(self, *words: Any, **named: Any) -> Verdict:
        """Read an exchange in a thread of its own, one after the other: a long answer takes some
        tenths of a second, in which what others answer would come too late.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, partial(self._judge.judge, *words, **named))

    async def _port(
        self, host: Host, result: Result, slots: asyncio.Semaphore, brief: bool
    ) -> None:
        probe = PortProbe(
            host.target,
            result,
            read=self._read,
            pace=self._pace,
            limits=self._limits,
            wishes=self._wishes,
            slots=slots,
            brief=brief,
        )
        before = len(result.talked)
        try:
            await probe.run()
        except Exception as error:  # a fault of ours costs one port, never the run
            result.remark = f"broken off by a fault of ours: {type(error).__name__}: {error}"
            self.counters["faults"] += 1
        finally:
            for talked in result.talked[before:]:
                self._keep(host, talked)
            if not before:
                self._asked += 1
                self._progress(self._asked, self._all)

    def _keep(self, host: Host, talked: Talked) -> None:
        """Count an exchange, and keep it where there is room: no host gets all of that."""
        exchange = talked.exchange
        sent = sum(len(step.data) for step in exchange.steps if step.side is Side.CLIENT)
        got = sum(len(step.data) for step in exchange.steps if step.side is Side.SERVER)
        if exchange.transport == "tcp":
            self.counters["connections"] += 1
        else:
            self.counters["datagrams"] += sum(step.side is Side.CLIENT for step in exchange.steps)
        self.counters["bytes sent"] += sent
        self.counters["bytes received"] += got
        if exchange.transport == "tcp" and not exchange.connected:
            return
        size = sent + got + talked.size
        share = max(self._limits.kept // len(self.hosts), SHARE)
        if self._kept + size > self._limits.kept or host.kept + size > share:
            self.counters["exchanges not kept"] += 1
            talked.forget()
            return
        self._kept += size
        host.kept += size
        self.exchanges.append(exchange)


def _room(at_once: int) -> int:
    """Return for how many hosts there are descriptors: a socket and TLS keys for each exchange."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return 1 << 16
    return max(1, (files - SPARE_FILES) // (2 * at_once))


def _lost(result: Result) -> bool:
    """Whether there is no way to the host: not where a firewall rejects what goes to this port."""
    if result.state is not State.UNREACHED:
        return False
    last = result.talked[-1].exchange
    return not (last.rejected or last.itself)


class _HostProbe:
    """Asks one host's ports, a few at a time, and notices when that makes no sense any more."""

    def __init__(self, host: Host, limits: Limits, ask: PortTask) -> None:
        self._host, self._limits, self._ask = host, limits, ask
        self._slots = asyncio.Semaphore(limits.at_once)
        self._strange = self._away = 0

    async def run(self) -> None:
        """Ask everything; and once more the ports of which a limit of connections may have been in
        the way, where that looks so.
        """
        await self._ask_all(self._host.results)
        tcp = [each for each in self._host.results if each.port.transport == "tcp"]
        silent = [each for each in tcp if each.state is State.SILENT]
        if self._host.alive and len(silent) <= len(tcp) * FEW:
            await self._ask_all(silent)

    async def _ask_all(self, results: list[Result]) -> None:
        waiting = iter(results)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._limits.at_once, len(results))):
                group.create_task(self._ports(waiting))

    async def _ports(self, waiting: Iterable[Result]) -> None:
        for result in waiting:
            if self._away >= AWAY and not self._host.alive:
                self._remark("away: there is no way to it; its other ports were not asked")
                return
            brief = self._strange >= self._limits.strange
            await self._ask(self._host, result, self._slots, brief)
            self._learn(result)

    def _learn(self, result: Result) -> None:
        self._away += _lost(result)
        if result.port.transport != "tcp" or result.state in {State.SILENT, State.UNASKED}:
            return
        if result.state in {State.OTHER, State.MUTE}:
            self._strange += 1
        else:
            self._strange = 0
        if self._strange == self._limits.strange:
            self._remark(
                f"{self._strange} ports in a row took a connection and meant nothing: a trap, or a "
                "firewall that answers for others; further ones are told few hellos"
            )

    def _remark(self, text: str) -> None:
        if text not in self._host.remarks:
            self._host.remarks.append(text)
