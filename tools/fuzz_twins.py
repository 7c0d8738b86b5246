"""Scans the same hostile captures with the modules that are compiled from Python, and without.

usage: fuzz_twins.py [CAPTURE|FOLDER ..] [--seconds N] [--cases N] [--seed S] [--tested]
                     [--replay FILE]

Two processes stay: in one everything is compiled, in the other the modules that have a .pxd beside
their .py run as plain Python. Every capture must give the same document and the same events in
both, no fault of a decoder, and an answer in time. What does not is made as small as may be and
kept in out/twins, with what differs beside it; --replay shows a kept one again.
"""

import argparse
import contextlib
import gc
import os
import re
import select
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import BinaryIO, NamedTuple, TypeVar

import msgspec

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

EXAMPLES, OUT = ROOT / "examples", ROOT / "out/twins"
COMPILED, PLAIN = "compiled", "plain"
PATIENCE = 120
"""Seconds within which a capture must be read, on a busy machine."""
TRIES = 400
"""Scans that making a capture smaller may take."""
LARGEST = 3 << 20
"""Bytes of a capture that is taken as a seed."""


T = TypeVar("T")


class Task(msgspec.Struct):
    """What both are asked."""

    path: str
    events: bool = True
    """Whether somebody iterates; otherwise most events are only counted."""
    everything: bool = False
    shown: bool = True
    """Whether secrets and content are."""


class Answer(msgspec.Struct):
    """What one of them said."""

    document: bytes = b""
    events: bytes = b""
    raised: str = ""
    """The trace of what came out of the scan, or how the process ended."""


class Difference(NamedTuple):
    """Where two answers part."""

    field: str
    compiled: str
    plain: str

    def __str__(self) -> str:
        return f"{self.field}\n  compiled: {self.compiled}\n  plain:    {self.plain}"

    @property
    def kind(self) -> str:
        """The field, whichever row or line it is in."""
        return re.sub(r"\[\d+\]", "[]", self.field)


# -- one of the two --------------------------------------------------------------------------------


def serve(mode: str) -> None:
    """Answer tasks on standard input until it ends. First say which of us are compiled."""
    tasks, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if mode == PLAIN:
        from tests.plain import Plain  # noqa: PLC0415 - before anything of ours is imported

        sys.meta_path.insert(0, Plain())
    from tests import plain  # noqa: PLC0415 - as above

    from backchannel import pipeline, protocols  # noqa: PLC0415 - as above

    gc.set_threshold(50_000)
    protocols.load()
    del pipeline
    _put(answers, msgspec.msgpack.encode(sorted(filter(plain.is_compiled, sys.modules))))
    while data := _get(tasks):
        _put(answers, msgspec.msgpack.encode(_answer(msgspec.msgpack.decode(data, type=Task))))


def _answer(task: Task) -> Answer:
    from backchannel.pipeline import Scan  # noqa: PLC0415 - only in the two
    from backchannel.privacy import Disclosure  # noqa: PLC0415
    from backchannel.report.jsonlines import line  # noqa: PLC0415

    disclosure = Disclosure(secrets=task.shown, content=task.shown)
    try:
        run = Scan(task.path, disclosure=disclosure, everything=task.everything)
        events = b"".join(line(seen, disclosure) for seen in run) if task.events else b""
        return Answer(msgspec.json.encode(run.document), events)
    except Exception:  # whatever it is, the other must say the same
        return Answer(raised=traceback.format_exc())


def _put(file: BinaryIO, data: bytes) -> None:
    file.write(struct.pack("<I", len(data)) + data)
    file.flush()


def _get(file: BinaryIO) -> bytes:
    head = file.read(4)
    return file.read(int.from_bytes(head, "little")) if len(head) == 4 else b""


class Worker:
    """One of the two processes, begun again when it ended or did not answer."""

    def __init__(self, mode: str, log: Path) -> None:
        self._mode, self._log = mode, log
        self.begin()

    def begin(self) -> None:
        """Start the process; `compiled` are the modules that it runs compiled."""
        command = [sys.executable, str(Path(__file__)), "--serve", self._mode]
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=environment,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.compiled: list[str] = msgspec.msgpack.decode(_get(self._out) or b"\x90")

    def ask(self, task: Task) -> None:
        """Begin with a task."""
        with contextlib.suppress(BrokenPipeError):
            _put(self._in, msgspec.msgpack.encode(task))

    def answer(self, patience: float = PATIENCE) -> Answer:
        """Return the answer; where there is none, how the process ended."""
        ready, _, _ = select.select([self._out], [], [], patience)
        if ready and (data := _get(self._out)):
            return msgspec.msgpack.decode(data, type=Answer)
        if not ready:
            self.kill()
        self.end()
        told = f"ended with {self._process.returncode}" if ready else f"no answer in {patience} s"
        last = self._log.read_text(errors="replace")[-2000:]
        self.begin()
        return Answer(raised=f"{told}\n{last}")

    def said(self) -> str:
        """Return what it wrote for people since the last time: traces of faults."""
        text = self._log.read_text(errors="replace")
        os.truncate(self._log, 0)
        return text

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def end(self) -> None:
        """Let the process end."""
        self._in.close()
        self._process.wait()
        self._out.close()


class Twins:
    """Both processes, with a place for the capture in hand."""

    def __init__(self, place: Path) -> None:
        self.path = place / "case.pcapng"
        self.workers = {mode: Worker(mode, place / mode) for mode in (COMPILED, PLAIN)}

    def __enter__(self) -> "Twins":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.end()

    def compare(self, data: bytes, task: Task) -> Difference | None:
        """Scan a capture in both; return the first difference, or what both did wrong."""
        self.path.write_bytes(data)
        task = msgspec.structs.replace(task, path=str(self.path))
        for worker in self.workers.values():
            worker.ask(task)
        compiled, plain = (worker.answer() for worker in self.workers.values())
        return difference(compiled, plain)

    def said(self) -> str:
        """Return the traces that the two wrote."""
        return "\n".join(
            f"{mode}:\n{text}" for mode, worker in self.workers.items() if (text := worker.said())
        )


# -- what differs ----------------------------------------------------------------------------------


def difference(compiled: Answer, plain: Answer) -> Difference | None:
    """Return where the answers part, and what is a fault in both as well."""
    if compiled.raised or plain.raised:
        return Difference("raised", compiled.raised, plain.raised)
    pairs = zip(compiled.events.splitlines(), plain.events.splitlines(), strict=False)
    for number, (one, other) in enumerate(pairs):
        if one != other:
            told = _parted(msgspec.json.decode(one), msgspec.json.decode(other))
            return told._replace(field=f"events[{number}]{told.field}")
    counts = compiled.events.count(b"\n"), plain.events.count(b"\n")
    if counts[0] != counts[1]:
        return Difference("events", *(f"{count} lines" for count in counts))
    document = msgspec.json.decode(compiled.document)
    if compiled.document != plain.document:
        told = _parted(document, msgspec.json.decode(plain.document))
        return told._replace(field=f"document{told.field}")
    faults = [what for what in document["unseen"] if what.startswith("fault")]
    return Difference(f"both: {faults[0]}", "", "") if faults else None


def _parted(one: object, other: object) -> Difference:
    """Return the first difference of two that are not the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            if key not in one or key not in other:
                return Difference(f".{key}", _cut(one.get(key)), _cut(other.get(key)))
            if not _same(one[key], other[key]):
                told = _parted(one[key], other[key])
                return told._replace(field=f".{key}{told.field}")
    if isinstance(one, list) and isinstance(other, list):
        for number, (a, b) in enumerate(zip(one, other, strict=False)):
            if not _same(a, b):
                told = _parted(a, b)
                return told._replace(field=f"[{number}]{told.field}")
        return Difference("", f"{len(one)}: {_cut(one)}", f"{len(other)}: {_cut(other)}")
    return Difference("", _cut(one), _cut(other))


def _same(one: object, other: object) -> bool:
    return msgspec.json.encode(one) == msgspec.json.encode(other)  # 1 is not True


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}..."


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


# -- runs ------------------------------------------------------------------------------------------


def fuzz(
    twins: Twins, given: Sequence, seed: int, *, seconds: float, cases: int = 1 << 60
) -> tuple[int, Counter[str]]:
    """Compare until time or cases are up; return the cases and how often what differed."""
    from tools.capture_cases import capture, mutated  # noqa: PLC0415 - not in the two

    found: Counter[str] = Counter()
    end, number = time.monotonic() + seconds, 0
    while number < cases and time.monotonic() < end:
        rng = Random(f"{seed}/{number}")
        number += 1
        frames = mutated(rng, given)
        task = Task("", *(rng.random() < chance for chance in (0.7, 0.5, 0.7)))
        told = twins.compare(capture(frames), task)
        if told is None:
            continue
        said, kind = twins.said(), told.kind
        found[kind] += 1
        if found[kind] > 1:
            continue

        def same(fewer: Sequence, kind: str = kind, task: Task = task) -> bool:
            other = twins.compare(capture(fewer), task)
            return other is not None and other.kind == kind

        few = smallest(frames, same)
        path = _keep(f"{seed}-{number - 1}", capture(few), task, f"{told}\n{said}")
        print(f"{told}\n  {path}", flush=True)
        twins.said()
    return number, found


def _keep(name: str, data: bytes, task: Task, told: str) -> Path:
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.pcapng"
    path.write_bytes(data)
    path.with_suffix(".json").write_bytes(msgspec.json.encode(task))
    path.with_suffix(".txt").write_text(told)
    return path


def main() -> int:
    """Compare; return 1 where something differed, 2 where nothing is compiled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, default=[EXAMPLES])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cases", type=int, default=1 << 60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tested", action="store_true", help="what protocols' tests feed, too")
    parser.add_argument("--replay", type=Path, help="compare a kept capture again")
    parser.add_argument("--serve", choices=(COMPILED, PLAIN), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if missing := [str(path) for path in asked.paths if not path.exists()]:
        parser.error(f"no such file or folder: {', '.join(missing)}")
    if asked.serve:
        serve(asked.serve)
        return 0
    with tempfile.TemporaryDirectory() as place, Twins(Path(place)) as twins:
        few = [
            mode
            for mode, each in twins.workers.items()
            if bool(each.compiled) != (mode == COMPILED)
        ]
        if few:
            print("nothing to compare: modules are not compiled, run make setup", file=sys.stderr)
            return 2
        if asked.replay:
            task = msgspec.json.decode(asked.replay.with_suffix(".json").read_bytes(), type=Task)
            told = twins.compare(asked.replay.read_bytes(), task)
            print(told or "the same", twins.said(), sep="\n")
            return int(told is not None)
        before = time.monotonic()
        made = [*seeds(asked.paths), *(_tested() if asked.tested else ())]
        print(f"{len(made)} seeds, {time.monotonic() - before:.0f} s", flush=True)
        before = time.monotonic()
        cases, found = fuzz(twins, made, asked.seed, seconds=asked.seconds, cases=asked.cases)
        took = time.monotonic() - before
    print(f"{cases} captures in {took:.0f} s, {found.total()} of them differ")
    for kind, times in found.most_common(20):
        print(f"  {times} x {kind}")
    return int(bool(found))


def seeds(paths: Sequence[Path]) -> Iterator:
    """Yield each capture under *paths* that is not too large."""
    from tools import capture_cases  # noqa: PLC0415 - not in the two

    for path in paths:
        for file in sorted(path.rglob("*.*cap*")) if path.is_dir() else [path]:
            if file.stat().st_size <= LARGEST:
                made = capture_cases.read(file)
                if made.frames:
                    yield made


def _tested() -> Iterator:
    """Yield what each protocol's tests feed to its sessions."""
    from tests import kit  # noqa: PLC0415 - not in the two
    from tools import capture_cases, fuzz_decoders  # noqa: PLC0415

    from backchannel import protocols  # noqa: PLC0415

    for protocol in protocols.load().values():
        flows = [kit.Flow(case.start, case.steps) for case in fuzz_decoders.tested(protocol)]
        if flows:
            yield capture_cases.Seed([], lambda flows=flows: flows)


if __name__ == "__main__":
    sys.exit(main())
