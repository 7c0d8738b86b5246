"""Hostile captures and conversations for the modules that are compiled from Python, and for the
same modules as plain Python.

usage: fuzz_twins.py [CAPTURE|FOLDER ..] [--what scans,sessions] [--protocol NAME,..|all]
                     [--seconds N] [--cases N] [--seed S] [--replay FILE]

Every capture must give the same document and the same events in both, every conversation the same
from its session, without a fault and in time. What does not is made as small as may be and kept in
out/twins, with what differs beside it; --replay shows a kept one again.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeVar

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools import capture_cases, fuzz_decoders
from tools.mutations import cut, mutate
from tools.twins import COMPILED, Task, Twins

from backchannel import protocols

ROOT = Path(__file__).parents[1]
EXAMPLES, OUT = ROOT / "examples", ROOT / "out/twins"
TRIES = 400
"""Comparisons that making a case smaller may take."""
LARGEST = 3 << 20
"""Bytes of a capture that is taken as a seed."""

T = TypeVar("T")


class Made(NamedTuple):
    """A case, and how a smaller one of some of its items is made."""

    label: str
    items: Sequence[Any]
    task: Callable[[Sequence[Any]], Task]


Maker = Callable[[Random], Made]


def scans(seeds: Sequence[capture_cases.Seed]) -> Maker:
    """Return what makes hostile captures of *seeds*; their items are frames."""

    def make(rng: Random) -> Made:
        frames = capture_cases.mutated(rng, seeds)
        events, everything, shown = (rng.random() < chance for chance in (0.7, 0.5, 0.7))

        def task(some: Sequence[Any]) -> Task:
            data = capture_cases.capture(some)
            return Task(data, events=events, everything=everything, shown=shown)

        return Made("scan", frames, task)

    return make


def sessions(seeds: Mapping[str, Sequence[fuzz_decoders.Case]]) -> Maker:
    """Return what makes hostile conversations of *seeds*, by protocol; their items are steps."""

    def make(rng: Random) -> Made:
        name = rng.choice(sorted(seeds))
        start = rng.choice(seeds[name]).start
        if rng.random() < 0.1:
            start = msgspec.structs.replace(start, begun=not start.begun)
        alike = [case.steps for case in seeds[name] if case.start.transport == start.transport]
        steps = mutate(rng, name, alike)
        if start.transport == "tcp" and rng.random() < 0.3:
            steps = cut(rng, steps)

        def task(some: Sequence[Any]) -> Task:
            case = fuzz_decoders.Case(start, list(some))
            return Task(fuzz_decoders.written(name, case), session=True)

        return Made(name, steps, task)

    return make


def smallest(items: Sequence[T], holds: Callable[[Sequence[T]], bool]) -> Sequence[T]:
    """Return items of which none can be left out, with *holds* of it true, in TRIES tries."""
    tries, size = 0, len(items) // 2
    while size and tries < TRIES:
        at = 0
        while at < len(items) and tries < TRIES:
            fewer = [*items[:at], *items[at + size :]]
            tries += 1
            if fewer and holds(fewer):
                items = fewer
            else:
                at += size
        size //= 2
    return items


def fuzz(
    twins: Twins, make: Maker, seed: int, *, seconds: float, cases: int = 1 << 60
) -> tuple[int, Counter[str]]:
    """Compare until time or cases are up; return the cases and how often what differed."""
    found: Counter[str] = Counter()
    end, number = time.monotonic() + seconds, 0
    while number < cases and time.monotonic() < end:
        made = make(Random(f"{seed}/{number}"))
        number += 1
        told = twins.compare(made.task(made.items))
        if told is None:
            continue
        said, kind = twins.said(), f"{made.label}: {told.kind}"
        found[kind] += 1
        if found[kind] > 1:
            continue

        def same(fewer: Sequence[Any], task: Any = made.task, kind: str = told.kind) -> bool:
            other = twins.compare(task(fewer))
            return other is not None and other.kind == kind

        few = made.task(smallest(made.items, same))
        path = _keep(f"{seed}-{made.label}-{number - 1}", few, f"{told}\n{said}")
        print(f"{made.label}: {told}\n  {path}", flush=True)
        twins.said()
    return number, found


def _keep(name: str, task: Task, told: str) -> Path:
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.{'json' if task.session else 'pcapng'}"
    path.write_bytes(task.data)
    options = msgspec.structs.replace(task, data=b"")
    path.with_suffix(".task").write_bytes(msgspec.json.encode(options))
    path.with_suffix(".txt").write_text(told)
    return path


def kept(path: Path) -> Task:
    """Return the task whose data were kept at *path*."""
    options = msgspec.json.decode(path.with_suffix(".task").read_bytes(), type=Task)
    return msgspec.structs.replace(options, data=path.read_bytes())


# -- seeds -----------------------------------------------------------------------------------------


def captures(paths: Sequence[Path]) -> Iterator[capture_cases.Seed]:
    """Yield each capture under *paths* that is not too large."""
    for path in paths:
        for file in sorted(path.rglob("*.*cap*")) if path.is_dir() else [path]:
            if file.stat().st_size <= LARGEST:
                made = capture_cases.read(file)
                if made.frames:
                    yield made


def conversations(names: Sequence[str]) -> dict[str, list[fuzz_decoders.Case]]:
    """Return the conversations that the decoders' fuzzer begins with, by protocol."""
    known = protocols.load()
    return {
        name: found
        for name in names
        if (found := fuzz_decoders.examples(known[name]) + fuzz_decoders.tested(known[name]))
    }


def main() -> int:
    """Compare; return 1 where something differed, 2 where nothing is compiled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, default=[EXAMPLES])
    parser.add_argument("--what", default="scans,sessions", help="one of them, or both")
    parser.add_argument("--protocol", default="all", help="whose sessions")
    parser.add_argument("--seconds", type=float, default=60, help="for each of both")
    parser.add_argument("--cases", type=int, default=1 << 60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replay", type=Path, help="compare a kept case again")
    asked = parser.parse_args()
    if missing := [str(path) for path in asked.paths if not path.exists()]:
        parser.error(f"no such file or folder: {', '.join(missing)}")
    bad = 0
    with tempfile.TemporaryDirectory() as place, Twins(Path(place)) as twins:
        if not twins.workers[COMPILED].compiled:
            print("nothing to compare: modules are not compiled, run make setup", file=sys.stderr)
            return 2
        if asked.replay:
            told = twins.compare(kept(asked.replay))
            print(told or "the same", twins.said(), sep="\n")
            return int(told is not None)
        for what in asked.what.split(","):
            if what == "scans":
                make = scans([*captures(asked.paths)])
            else:
                names = (
                    [*protocols.load()] if asked.protocol == "all" else asked.protocol.split(",")
                )
                make = sessions(conversations(names))
            before = time.monotonic()
            cases, found = fuzz(twins, make, asked.seed, seconds=asked.seconds, cases=asked.cases)
            took = time.monotonic() - before
            print(f"{what}: {cases} cases in {took:.0f} s, {found.total()} differ", flush=True)
            for kind, times in found.most_common(20):
                print(f"  {times} x {kind}")
            bad += found.total()
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
