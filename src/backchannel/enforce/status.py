"""How a guard stands: what `backchannel guard status` shows."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from backchannel.enforce import kernel
from backchannel.enforce.law import Law
from backchannel.enforce.messages import Figures, Refused

if TYPE_CHECKING:
    from backchannel.enforce.guard import Guard

PROC = Path("/proc/net/netfilter/nfnetlink_queue")


class QueueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One queue."""

    number: int
    fails: str
    """`open` or `closed`."""
    waiting: int
    """Packets in the kernel now."""
    received: int
    answered: int
    dropped_full: int
    """Packets that met a full queue and were dropped: where it fails open the kernel passes them,
    and counts nothing."""
    dropped_socket: int
    """Packets that found no room in the socket."""
    overruns: int
    """Times that the kernel told of missing room."""
    malformed: int
    refused: int
    """Verdicts that the kernel did not take."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Everything."""

    policy: str
    digest: str
    mode: str
    """The mode it is limited to; empty: as the policy says."""
    mild: bool = False
    """Nothing is refused, whatever is seen."""
    hooks: tuple[str, ...]
    lines: int
    queues: tuple[QueueStatus, ...]
    passed: int
    """Packets of flows that nobody wants, or wants yet."""
    given_to_kernel: int
    """Flows that the kernel alone handles since."""
    costs: dict[str, int]
    """Flows by how many of their packets came to us until they were decided."""
    refusals: tuple[Refused, ...]
    counters: dict[str, int]
    """Whatever else happened to packets, by name."""
    core: dict[str, int]
    """What the packet core and the engine could not see, keep or understand."""
    flows: int
    packets: int
    process: int
    inspector: int
    """0: there is none now, and it is being started again."""
    judging: bool = True
    """Whether packets go to the inspector now; else they pass or are held up as `on-failure` says.
    """
    current: bool
    """Whether the inspector told its figures just now; else they are those that it told before."""
    watchdog: int
    """Process numbers."""
    inspector_restarts: int
    watchdog_restarts: int
    rules_restored: int
    """Times that another program had taken the rules away."""
    confined: str
    """What the inspecting process has given up."""
    reloads: int
    trouble: str
    """Why the last reload changed nothing; empty: it did, or there was none."""
    warnings: tuple[str, ...]
    undelivered: dict[str, int] = {}
    """Records and alerts that are lost, or wait, by name."""
    kernel: dict[str, tuple[int, int]] = {}
    """(packets, bytes) that the kernel handled alone, by the counters of the guard's rules."""


def of(guard: "Guard", *, current: bool) -> Status:
    """Return how *guard* stands now. *current*: the inspector has just told its figures."""
    remote, known = guard.remote, guard.known
    told = guard.inspectors.with_(remote.figures if remote is not None else Figures(number=0))
    return Status(
        policy=known.rules.path,
        digest=known.rules.digest,
        mode=known.limit or "",
        mild=Law(known.rules, {}).mild,
        hooks=guard.options.hooks,
        lines=len(known.rules.lines),
        queues=tuple(_queues(told)),
        passed=told.passed,
        given_to_kernel=told.settled,
        costs=_costs(told.costs),
        refusals=told.refusals,
        counters=told.counters,
        core=told.core,
        flows=told.flows,
        packets=told.packets,
        process=os.getpid(),
        inspector=remote.pid if remote is not None else 0,
        judging=remote is not None and guard.watchdog.guards,
        current=current,
        watchdog=guard.watchdog.pid,
        inspector_restarts=guard.inspectors.restarts,
        watchdog_restarts=guard.watchdog.restarts,
        rules_restored=guard.upkeep.restored,
        confined=told.confined,
        reloads=guard.reloads,
        trouble=guard.trouble,
        warnings=tuple(guard.warnings),
        undelivered=guard.undelivered(),
        kernel=kernel.counters(),
    )


def _queues(told: Figures) -> list[QueueStatus]:
    rows = {row[0]: row for row in kernel_rows(PROC)}
    found = []
    for at, queue in enumerate(told.queues):
        row = rows.get(queue.number, (queue.number, 0, 0, 0, 0, 0, 0, 0))
        found.append(
            QueueStatus(
                number=queue.number,
                fails="closed" if at else "open",
                waiting=row[2],
                received=queue.received,
                answered=queue.answered,
                dropped_full=row[5],
                dropped_socket=row[6],
                overruns=queue.overruns,
                malformed=queue.malformed,
                refused=queue.refused,
            )
        )
    return found


def kernel_rows(path: Path) -> list[tuple[int, ...]]:
    """Return the kernel's table of queues: number, port, waiting, mode, range, drops, drops ..."""
    try:
        text = path.read_text()
    except OSError:
        return []
    return [tuple(map(int, line.split())) for line in text.splitlines() if line.strip()]


def _costs(buckets: tuple[int, ...]) -> dict[str, int]:
    """Return the histogram with its bounds in words, without empty ends."""
    names = ["1", "2", *(f"{(1 << at) // 2 + 1}-{1 << at}" for at in range(2, len(buckets)))]
    found = dict(zip(names, buckets, strict=False))
    while found and not found[last := next(reversed(found))]:
        del found[last]
    return found
