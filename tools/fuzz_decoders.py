"""Mutates conversations and checks the decoders' laws. Every failure leaves a file that repeats it.

usage: fuzz_decoders.py [--protocol NAME,..|all] [--seconds N] [--seed S] [--replay FILE]
                        [--sanitized]

Seeds are the conversations in examples/ that a protocol's own recogniser claims, and those that
its tests hold with its session: its tests are run once and listened to. The laws: recognise, feed,
gap and end never raise; they return events and effects; a session holds a bounded number of bytes;
a chunk takes bounded processor time; how a stream is cut changes nothing (datagrams are not cut).
"""

import argparse
import contextlib
import io
import os
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import kit
from tools import fuzz_core
from tools.mutations import Step, cut, glue, mutate

from backchannel import protocols
from backchannel.contract import Output, Protocol, Start
from backchannel.effects import Effect, Inner
from backchannel.events import Event
from backchannel.model import Claim, More, Side, Standing

ROOT = Path(__file__).parents[1]
EXAMPLES, OUT = ROOT / "examples", ROOT / "out/fuzz"
HELD = 1 << 20
BOUNDS = {"gnutella": 5 << 20, "gnutella2": 5 << 20, "msnp": 3 << 20, "oft": 2 << 20}
BOUNDS |= {"yahoo-http": 5 << 20, "oscar-http": 2 << 20}
"""Bytes that a session may hold where its documentation names more than HELD."""
SANITIZED = "BACKCHANNEL_SANITIZED"
"""Set where the compiled modules have sanitizers in them, which take most of the time."""
SLOW, SLOW_BYTE = (2.5, 200e-6) if SANITIZED in os.environ else (0.25, 20e-6)
"""Processor seconds for a call, and for each of its bytes."""
MOST_SEEDS, MOST_KEPT = 1000, 5
Clock = Callable[[], float]


class Case(msgspec.Struct):
    """A conversation with what its session is told when it begins."""

    start: Start
    steps: list[Step]


class Failure(Exception):  # noqa: N818 - a law that does not hold is not an error of this program
    """A law that does not hold."""


# -- seeds -----------------------------------------------------------------------------------------


def examples(protocol: Protocol) -> list[Case]:
    """Return the conversations of the example captures that *protocol* claims."""
    found = []
    for path in sorted(EXAMPLES.rglob("*.pcap*")):
        for flow in kit.flows(path):
            claim = protocol.recognise(kit.peek(flow))
            if isinstance(claim, Claim):
                start, steps = flow.start, flow.steps
                if claim.flipped:
                    start = msgspec.structs.replace(start, client=start.server, server=start.client)
                    steps = [(side.other, data) for side, data in steps]
                found.append(Case(start, steps))
    return found


def tested(protocol: Protocol) -> list[Case]:
    """Return what the hand-made tests of *protocol* feed to its sessions, by running them."""
    heard: list[Case] = []
    with _listening(protocol, heard), contextlib.redirect_stdout(io.StringIO()):
        folder = ROOT / "tests/protocols" / protocol.name.replace("-", "_")
        pytest.main(["-q", "-m", "not hypothesis", "-p", "no:cacheprovider", str(folder)])
    unique = {repr(case): case for case in heard if case.steps}
    return list(unique.values())[:MOST_SEEDS]


@contextlib.contextmanager
def _listening(protocol: Protocol, heard: list[Case]) -> Iterator[None]:
    """Write down what every session of *protocol* is told; small conversations only.

    Its tests find what listens under the session's name: a compiled class cannot be changed.
    """
    session: Any = protocol.session

    def listening(start: Start) -> Any:
        case = Case(start, [])
        if len(heard) < 20 * MOST_SEEDS:
            heard.append(case)
        return Listener(session(start), case)

    module: Any = sys.modules[session.__module__]
    module.Session = listening
    try:
        yield
    finally:
        module.Session = session


class Listener:
    """A session, and a case that holds what it was told."""

    def __init__(self, session: Any, case: Case) -> None:
        self._session, self._case = session, case

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """See `backchannel.protocols.Session`."""
        self._note(side, data)
        return self._session.feed(side, data)  # type: ignore[no-any-return]

    def gap(self, side: Side, size: int) -> list[Output]:
        """See `backchannel.protocols.Session`."""
        self._note(side, size)
        return self._session.gap(side, size)  # type: ignore[no-any-return]

    def _note(self, side: Side, told: bytes | int) -> None:
        if len(self._case.steps) < 400 and (isinstance(told, int) or len(told) < 1 << 16):
            self._case.steps.append((side, told))


# -- laws ------------------------------------------------------------------------------------------


def check(protocol: Protocol, case: Case, rng: Random, clock: Clock = time.perf_counter) -> None:
    """Raise Failure, or whatever a decoder raises, where a law does not hold for *case*."""
    look(protocol, case, clock)
    if case.start.transport != "tcp":
        run(protocol, case.start, case.steps, clock)
        return
    whole = run(protocol, case.start, glue(case.steps), clock)
    pieces = run(protocol, case.start, cut(rng, case.steps), clock)
    if whole != pieces:
        raise Failure(f"segmentation: {_difference(whole, pieces)}")


def look(protocol: Protocol, case: Case, clock: Clock) -> None:
    """Show the recogniser the beginning, and a part of it."""
    seen = kit.peek(kit.Flow(case.start, case.steps))
    half = len(seen.client) // 2, len(seen.server) // 2
    for peek in (
        seen,
        msgspec.structs.replace(seen, client=seen.server, server=seen.client, begun=False),
        msgspec.structs.replace(seen, client=seen.client[: half[0]], server=seen.server[: half[1]]),
    ):
        before = clock()
        answer: Any = protocol.recognise(peek)
        _in_time("recognise", clock() - before, len(peek.client) + len(peek.server))
        if answer is not None and not isinstance(answer, Claim | More):
            raise Failure(f"recognise: {type(answer).__name__}")


def run(
    protocol: Protocol, start: Start, steps: Sequence[Step], clock: Clock = time.perf_counter
) -> list[Any]:
    """Play *steps* as the engine does; return what was told and the standing at the end."""
    session = protocol.session(start)
    told: list[tuple[Side, Output]] = []
    rests = max(1, len(steps) // 3)
    for number, (side, data) in enumerate(steps, 1):
        call: Any = session.feed if isinstance(data, bytes) else session.gap
        size = len(data) if isinstance(data, bytes) else 0
        before = clock()
        told += kit.spoken(side, call(side, data))
        _in_time("feed" if size else "gap", clock() - before, size)
        if number % rests == 0:
            _bounded(protocol, session)
        if session.standing is Standing.REFUTED:
            return [Standing.REFUTED]
        if session.done:
            break
    for side in Side:
        if not session.done:
            told += [(side, value) for value in session.end(side)]
    _bounded(protocol, session)
    for _, output in told:
        kind = output if isinstance(output, type) else type(output)  # a class: nobody reads more
        if not issubclass(kind, Event | Effect):
            raise Failure(f"output: {type(output).__name__}")
        if isinstance(output, Event):
            _sayable(output)
    if session.standing is Standing.REFUTED:
        return [Standing.REFUTED]
    story = [(_whose(side, output), output) for side, output in kit.joined(told)]
    return [*story, session.standing, session.service]


def _whose(side: Side, output: Output) -> Side:
    """Bytes of inner streams say themselves whose they are, whoever's segment let them go."""
    return output.side if isinstance(output, Inner) else side


def _in_time(what: str, took: float, size: int) -> None:
    if took > SLOW + size * SLOW_BYTE:
        raise Failure(f"time: {what} of {size} bytes took {took:.2f} s")


def _sayable(event: Event) -> None:
    """A watch's parsing process must be able to tell it, and the watching one believes it."""
    try:
        kit.check_sayable(event)
    except (AssertionError, OverflowError, UnicodeError, msgspec.MsgspecError) as error:
        raise Failure(f"sayable: {type(event).__name__}: {error}") from None


def _bounded(protocol: Protocol, session: object) -> None:
    held = kit.footprint(session)
    if held > BOUNDS.get(protocol.name, HELD):
        raise Failure(f"memory: {held} bytes held")


def _difference(whole: list[Any], pieces: list[Any]) -> str:
    for number, (a, b) in enumerate(zip(whole, pieces, strict=False)):
        if a != b:
            return f"output {number}: whole {str(a)[:300]} | cut {str(b)[:300]}"
    return f"{len(whole)} outputs whole, {len(pieces)} cut"


# -- runs ------------------------------------------------------------------------------------------


def fuzz(
    protocol: Protocol, seeds: Sequence[Case], seed: int, *, seconds: float, runs: int = 1 << 60
) -> tuple[int, Counter[str]]:
    """Mutate and check until time or runs are up; return the runs and how often what failed."""
    failed: Counter[str] = Counter()
    kinds: dict[str, list[list[Step]]] = {case.start.transport: [] for case in seeds}
    for case in seeds:
        kinds[case.start.transport].append(case.steps)
    end, number = time.monotonic() + seconds, 0
    while number < runs and time.monotonic() < end:
        chance = f"{seed}/{protocol.name}/{number}"
        rng = Random(chance)
        start = rng.choice(seeds).start
        if rng.random() < 0.1:
            start = msgspec.structs.replace(start, begun=not start.begun)
        case = Case(start, mutate(rng, protocol.name, kinds[start.transport]))
        number += 1
        if reason := attempt(protocol, case, chance):
            kind = reason.split("\n")[0][:160]
            failed[kind] += 1
            alike = sum(1 for known in failed if known.split(":")[0] == kind.split(":")[0])
            if failed[kind] == 1 and alike <= MOST_KEPT:
                print(f"{protocol.name}: {kind}\n  {_keep(protocol, case, chance, reason)}")
    return number, failed


def attempt(protocol: Protocol, case: Case, chance: str) -> str:
    """Check *case*; return what failed, or nothing. *chance* decides how the stream is cut."""
    reason = ""
    # What took too long is tried again by processor time: another program may be to blame.
    for clock in (time.perf_counter, time.thread_time):
        try:
            check(protocol, case, Random(chance), clock)
        except Failure as failure:
            reason = str(failure)
        except Exception as error:  # any exception is a finding
            place = traceback.extract_tb(error.__traceback__)[-1]
            reason = (
                f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {error}"
            )
            return f"{reason}\n{traceback.format_exc()}"
        else:
            return ""
        if not reason.startswith("time:"):
            break
    return reason


def _keep(protocol: Protocol, case: Case, chance: str, reason: str) -> Path:
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / (chance.replace("/", "-") + ".json")
    path.write_bytes(msgspec.json.format(written(protocol.name, case, chance, reason)))
    return path.relative_to(ROOT)


def written(protocol: str, case: Case, chance: str = "", reason: str = "") -> bytes:
    """Return a conversation as JSON, with the name of its protocol, for `read`."""
    context = case.start.context
    kept = {
        "protocol": protocol,
        "chance": chance,
        "reason": reason,
        "start": msgspec.structs.replace(case.start, context=None, read=None, recall=None),
        "context": context,
        "context_type": f"{type(context).__module__}:{type(context).__qualname__}",
        "steps": [
            [int(s), data if isinstance(data, int) else data.hex()] for s, data in case.steps
        ],
    }
    return msgspec.json.encode(kept, enc_hook=repr)


def read(data: bytes) -> tuple[str, Case, str]:
    """Return what was `written`: the protocol's name, the conversation, and its chance."""
    kept = msgspec.json.decode(data)
    start = msgspec.convert(kept["start"], Start)
    if kept["context"] is not None:
        module, _, name = kept["context_type"].partition(":")
        kind = getattr(sys.modules.get(module) or __import__(module, fromlist=[name]), name)
        start = msgspec.structs.replace(start, context=msgspec.convert(kept["context"], kind))
    steps: list[Step] = [
        (Side(side), data if isinstance(data, int) else bytes.fromhex(data))
        for side, data in kept["steps"]
    ]
    return kept["protocol"], Case(start, steps), kept["chance"]


def replay(path: Path) -> str:
    """Check the conversation of a kept failure again; return what fails."""
    protocol, case, chance = read(path.read_bytes())
    return attempt(protocols.load()[protocol], case, chance)


def main() -> int:
    """Fuzz what was asked for; return 1 when a law did not hold, 2 without seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protocol", default="all", help="names with commas between, or all")
    parser.add_argument("--seconds", type=float, default=60, help="for each protocol")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replay", type=Path, help="check a kept failure again")
    parser.add_argument("--sanitized", action="store_true", help="with ASan and UBSan in all of us")
    asked = parser.parse_args()
    if asked.sanitized and SANITIZED not in os.environ:
        place = ROOT / "build/sanitized-all"
        fuzz_core.build(place, "all")
        within = fuzz_core.environment(place) | {SANITIZED: "1"}
        return subprocess.run([sys.executable, *sys.argv], env=within, check=False).returncode
    if asked.replay:
        print(failure := replay(asked.replay) or "holds")
        return int(failure != "holds")
    known = protocols.load()
    bad = 0
    for name in known if asked.protocol == "all" else asked.protocol.split(","):
        seeds = examples(known[name]) + tested(known[name])
        if not seeds:
            print(f"{name}: no seeds, as its tests could not be run; run make setup first")
            return 2
        before = time.monotonic()
        runs, failed = fuzz(known[name], seeds, asked.seed, seconds=asked.seconds)
        took = time.monotonic() - before
        print(
            f"{name}: {len(seeds)} seeds, {runs} runs in {took:.0f} s ({runs / took:.0f}/s), "
            f"{failed.total()} failures",
            flush=True,
        )
        for kind, times in failed.most_common(20):
            print(f"  {times} x {kind}")
        bad += bool(failed)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
