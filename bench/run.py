"""Measures `backchannel scan` against its peers on the same captures, in the same rounds.

usage: run.py CAPTURE... [--rounds N] [--skip PROGRAM,...]

Each round runs every program once on every capture, one after the other on one core, with the file
in the page cache. What is printed are ratios within rounds (peer through ours: above 1
we are faster) as minimum, median and maximum, then wall time, CPU time and peak memory. A
program that is not installed is left out and named.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
OURS = "backchannel"
PROGRAMS = {
    OURS: [str(Path(sys.executable).with_name("backchannel")), "scan", "FILE", "--json"],
    "tcpdump": ["tcpdump", "-r", "FILE", "-w", "/dev/null"],
    "softflowd": ["softflowd", "-r", "FILE", "-D", "-m", "2000000", "-p", "/dev/null", "-c", "CTL"],
    "ndpiReader": ["ndpiReader", "-i", "FILE", "-q"],
    "nfstream": [sys.executable, str(HERE / "peer_nfstream.py"), "FILE"],
}


def main() -> int:
    """Run all rounds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--skip", default="")
    asked = parser.parse_args()
    programs = {
        name: command
        for name, command in PROGRAMS.items()
        if name not in asked.skip.split(",") and _there(name, command)
    }
    for capture in asked.captures:
        _warm(capture)
        rounds = [
            {name: _run(command, capture) for name, command in programs.items()}
            for _ in range(asked.rounds)
        ]
        _print(capture, rounds)
    return 0


def _there(name: str, command: list[str]) -> bool:
    if name == "nfstream":
        code = [sys.executable, "-c", "import nfstream"]
        found = subprocess.run(code, capture_output=True, check=False).returncode == 0
    else:
        found = shutil.which(command[0]) is not None
    if not found:
        print(f"left out: {name} is not installed")
    return found


def _warm(capture: Path) -> None:
    with capture.open("rb") as file:
        while file.read(1 << 20):
            pass


def _run(command: list[str], capture: Path) -> tuple[float, float, float]:
    """Return wall seconds, CPU seconds and peak memory in MB of one run on one core."""
    control = f"/tmp/softflowd-{os.getpid()}"
    words = [word.replace("FILE", str(capture)).replace("CTL", control) for word in command]
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os.execvp(words[0], words)
    _, _, used = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _print(capture: Path, rounds: list[dict[str, tuple[float, float, float]]]) -> None:
    size = capture.stat().st_size / 1e6
    print(f"\n{capture.name}: {size:.0f} MB, {len(rounds)} rounds")
    print(f"{'program':<12} {'min':>7} {'median':>7} {'max':>7}   wall s   CPU s      MB")
    for name in rounds[0]:
        ratios = [each[name][0] / each[OURS][0] for each in rounds]
        wall, cpu, memory = (
            statistics.median(each[name][part] for each in rounds) for part in range(3)
        )
        print(
            f"{name:<12} {min(ratios):>7.2f} {statistics.median(ratios):>7.2f} {max(ratios):>7.2f} "
            f"{wall:>8.2f} {cpu:>7.2f} {memory:>7.0f}"
        )


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
