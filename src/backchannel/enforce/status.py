"""How a guard stands: what `backchannel guard status` shows."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from backchannel.enforce.guard import Guard

PROC = Path("/proc/net/netfilter/nfnetlink_queue")


class Refused(msgspec.Struct, frozen=True):
    """How often one thing was done for one reason."""

    action: str
    line: str
    service: str
    capability: str
    times: int


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
    """Packets that met a full queue: dropped by the kernel, or passed where it fails open."""
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
    watchdog: int
    """Process numbers."""
    watchdog_restarts: int
    warnings: tuple[str, ...]
    kernel: dict[str, tuple[int, int]] = {}
    """(packets, bytes) that the kernel handled alone; whoever shows the status fills it in."""


def of(guard: "Guard") -> Status:
    """Return how *guard* stands now."""
    totals = guard.core.totals()
    return Status(
        policy=guard.rules.path,
        digest=guard.rules.digest,
        mode=guard.options.limit or "",
        hooks=guard.options.hooks,
        lines=len(guard.rules.lines),
        queues=tuple(_queues(guard)),
        passed=guard.sift.passed,
        given_to_kernel=guard.sift.settled
        + guard.book.counters["flows given to the kernel to pass"],
        costs=_costs(guard.sift.costs),
        refusals=tuple(
            Refused(*reason, times) for reason, times in sorted(guard.book.reasons.items())
        ),
        counters=dict(sorted(guard.book.counters.items())),
        core=guard.core.counters() | dict(guard.engine.counters),
        flows=totals["flows"],
        packets=totals["packets"],
        process=os.getpid(),
        watchdog=guard.watchdog.pid,
        watchdog_restarts=guard.watchdog.restarts,
        warnings=tuple(guard.warnings),
    )


def _queues(guard: "Guard") -> list[QueueStatus]:
    rows = {row[0]: row for row in kernel_rows(PROC)}
    found = []
    for at, queue in enumerate(guard.queues):
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


def _costs(buckets: list[int]) -> dict[str, int]:
    """Return the histogram with its bounds in words, without empty ends."""
    names = ["1", "2", *(f"{(1 << at) // 2 + 1}-{1 << at}" for at in range(2, len(buckets)))]
    found = dict(zip(names, buckets, strict=True))
    while found and not found[last := next(reversed(found))]:
        del found[last]
    return found
