#!/usr/bin/env python3
"""Measure the scan against programs that people use, in rounds, and print ratios.

usage: bench/run.py [--captures DIR] [--generator PROGRAM] [--rounds N] [--only NAME,...]
                    [--nfstream PYTHON]

Every round runs every program once on the same capture, in an order that rotates, on one core and
with the file in the page cache. What counts is the ratio within a round: absolute times drift with
whatever else the machine does. Whole processes are timed, start-up included: by the wall, and by
the processor, which other work on the machine disturbs less. See bench/README.md.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec
import repeat

ROOT = Path(__file__).parents[1]
OURS = str(Path(sys.executable).with_name("backchannel"))
KINDS = ("mix", "small")


class Program(msgspec.Struct):
    """A program to compare with, and what is asked of us against it."""

    name: str
    command: list[str]
    """`{}` stands for the capture."""
    asked: dict[str, float] = msgspec.field(default_factory=dict)
    """How many times as fast we have to be, by kind of capture."""
    needed: Sequence[str] = ()
    """A command that must succeed where the program can be run; empty: its name is enough."""

    def there(self) -> bool:
        """Whether it can be run here."""
        if not self.needed:
            return shutil.which(self.command[0]) is not None
        return subprocess.run(self.needed, capture_output=True, check=False).returncode == 0


class Run(msgspec.Struct):
    """One run of one program."""

    seconds: float
    processor: float
    megabytes: float


# Without `-c none` softflowd 1.1 waits for a visitor on its control socket before it reads.
SOFTFLOWD = ["softflowd", "-r", "{}", "-d", "-m", "1048576", "-6", "-T", "vlan", "-c", "none"]
NFSTREAM = str(Path(__file__).with_name("peer_nfstream.py"))
CORE = """
import sys
from backchannel.capture import sources
from backchannel.flows.core import FlowCore
core = FlowCore([])
for source in sources(sys.argv[1:]):
    for chunk in source.chunks():
        core.feed(chunk)
        while core.take(): pass
core.finish()
core.take()
"""
PROGRAMS = [
    Program("backchannel", [OURS, "scan", "{}", "--json"]),
    Program("our core alone", [sys.executable, "-c", CORE, "{}"]),
    Program(
        "ndpiReader",
        ["ndpiReader", "-i", "{}", "-q"],
        {"mix": 8, "small": 40},
    ),
    Program("softflowd", SOFTFLOWD, {"mix": 2, "small": 8}),
    Program(
        "tcpdump -w /dev/null",
        ["tcpdump", "-r", "{}", "-w", "/dev/null"],
        {"mix": 0.5, "small": 0.5},
    ),
]
TSHARK = Program("tshark -T json", ["tshark", "-r", "{}", "-T", "json"], {"oscar": 20})
MEMORY = {"mix": 150, "small": 250}
"""Megabytes that a scan may take at most."""


def main() -> int:
    """Measure what was asked for, print tables, and keep the figures."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--captures", type=Path, default=ROOT / "out" / "bench")
    parser.add_argument("--generator", default=os.environ.get("BACKCHANNEL_BENCH_GENERATOR"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nfstream", default=sys.executable, help="a Python that has nfstream")
    parser.add_argument("--only", default="mix,small,oscar,start,growth")
    parser.add_argument("--save", type=Path, default=ROOT / "out" / "bench" / "figures.json")
    options = parser.parse_args()
    options.captures.mkdir(parents=True, exist_ok=True)
    only, figures = options.only.split(","), {}
    programs = [*PROGRAMS, _nfstream(options.nfstream)]
    for kind in (kind for kind in KINDS if kind in only):
        capture = _capture(options.captures, kind, options.generator)
        if capture is not None:
            figures[kind] = compare(kind, capture, programs, options.rounds)
    if "oscar" in only:
        capture = repeat.conversations(options.captures / "oscar.pcap")
        figures["oscar"] = compare("oscar", capture, [PROGRAMS[0], TSHARK], options.rounds)
    if "start" in only:
        figures["start"] = start_up(options.rounds)
    if "growth" in only and (options.captures / "mix.pcap").exists():
        figures["growth"] = growth(options.captures / "mix.pcap")
    options.save.parent.mkdir(parents=True, exist_ok=True)
    options.save.write_text(json.dumps(figures, indent=1, default=msgspec.to_builtins))
    return 0


def _nfstream(python: str) -> Program:
    return Program(
        "nfstream",
        [python, NFSTREAM, "{}"],
        {"mix": 20, "small": 20},
        [python, "-c", "import nfstream"],
    )


def _capture(folder: Path, kind: str, generator: str | None) -> Path | None:
    capture = folder / f"{kind}.pcap"
    if capture.exists():
        return capture
    if not generator:
        print(f"{capture} is not there and no --generator is given: see bench/README.md")
        return None
    subprocess.run([*generator.split(), kind, str(capture)], check=True)
    return capture


def compare(
    kind: str, capture: Path, programs: Sequence[Program], rounds: int
) -> dict[str, list[Run]]:
    """Run all *programs* that are there on *capture*, and print how much faster the first is."""
    there = [program for program in programs if program.there()]
    runs: dict[str, list[Run]] = {program.name: [] for program in there}
    size = capture.stat().st_size
    packets = repeat.count(capture)
    for number in range(rounds + 1):  # the first one warms up, and is forgotten
        turn = number % len(there)
        for program in there[turn:] + there[:turn]:
            made = run([part.replace("{}", str(capture)) for part in program.command])
            if number:
                runs[program.name].append(made)
    print(f"\n{kind}: {packets:,} packets, {size >> 20} MB, {rounds} rounds")
    print(
        f"{'':22}{'wall s':>8}{'CPU s':>8}{'Mpps':>7}{'MB':>6}"
        f"{'we are faster, wall: min median max':>37}{'CPU: min median max':>26}   asked"
    )
    for program in there:
        _row(program, kind, packets, runs)
    for program in programs:
        if program not in there:
            print(f"{program.name:24}not installed here")
    return runs


def _row(program: Program, kind: str, packets: int, runs: dict[str, list[Run]]) -> None:
    mine = next(iter(runs.values()))
    made = runs[program.name]
    seconds = median(one.seconds for one in made)
    processor = median(one.processor for one in made)
    most = max(one.megabytes for one in made)
    wall = sorted(a.seconds / b.seconds for a, b in zip(made, mine, strict=True))
    used = sorted(a.processor / b.processor for a, b in zip(made, mine, strict=True))
    asked = program.asked.get(kind)
    if made is mine:
        ratios, limit = "", MEMORY.get(kind)
        verdict = f"{limit} MB {'met' if most <= limit else 'MISSED'}" if limit else ""
    else:
        ratios = f"{_spread(wall):>37}{_spread(used):>26}"
        verdict = f"{asked:g} {'met' if median(wall) >= asked else 'MISSED'}" if asked else ""
    print(
        f"{program.name:22}{seconds:8.2f}{processor:8.2f}{packets / seconds / 1e6:7.2f}{most:6.0f}"
        f"{ratios:63}   {verdict}"
    )


def _spread(ratios: Sequence[float]) -> str:
    return f"{ratios[0]:8.2f} {median(ratios):8.2f} {ratios[-1]:8.2f}"


def run(command: Sequence[str], feed: Sequence[str] = ()) -> Run:
    """Run *command* on one core, its output thrown away; *feed* is a program for its input."""
    every = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as folder:
        places = ["-p", f"{folder}/pid"] if command[0] == "softflowd" else []
        source = subprocess.Popen(feed, stdout=subprocess.PIPE) if feed else None
        os.sched_setaffinity(0, {max(every)})  # which the child takes over
        began = time.perf_counter()
        process = subprocess.Popen(
            [*command, *places],
            stdin=source.stdout if source else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.sched_setaffinity(0, every)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if source is not None:
            source.wait()
    if process.returncode not in (0, 3):
        raise SystemExit(f"{' '.join(command[:3])} ended with {process.returncode}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def start_up(rounds: int) -> dict[str, list[Run]]:
    """Time `--help` and a capture of about a megabyte."""
    capture = ROOT / "examples" / "ipsec" / "natt_client_side.pcap"
    asked = {
        "--help": ([OURS, "--help"], 0.15),
        "1 MB": ([OURS, "scan", str(capture), "--json"], 0.5),
    }
    out = {}
    print("\nstart-up")
    for name, (command, limit) in asked.items():
        made = out[name] = [run(command) for _ in range(rounds + 1)][1:]
        best, middle = min(one.seconds for one in made), median(one.seconds for one in made)
        verdict = "met" if middle <= limit else "MISSED"
        print(f"{name:24}{best:9.3f} s at best, {middle:.3f} s median   asked {limit} {verdict}")
    return out


def growth(capture: Path) -> dict[str, list[Run]]:
    """Scan *capture* once, four and sixteen times in a row, from a pipe: each time later, and
    between other addresses.
    """
    out = {}
    print("\npeak memory, the same traffic again and again, later and between other addresses")
    for times in (1, 4, 16):
        feed = [sys.executable, str(Path(repeat.__file__)), str(capture), str(times)]
        made = run([OURS, "scan", "-", "--json"], feed)
        out[f"{times}x"] = [made]
        print(f"{times:>3}x{'':18}{made.processor:8.1f} CPU s{made.megabytes:8.0f} MB")
    return out


if __name__ == "__main__":
    sys.exit(main())
