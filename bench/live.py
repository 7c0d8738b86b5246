#!/usr/bin/env python3
"""Measure the watch against tcpdump and ndpiReader on the same replayed traffic.

usage: bench/live.py CAPTURE [--rounds N] [--pps N] [--only TEXT]

In a network namespace of its own tcpreplay sends CAPTURE into one end of a veth pair; each program
in turn reads the other end. Counted are packets seen, packets that the kernel dropped, and
processor time (user and system, all processes of a program) from the moment it is ready until it
has read everything. Ratios are taken within a round. At top speed the sender is part of the load:
it runs on the same machine.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec

PORT = 19469
QUIET, PATIENCE = 1.0, 15.0
"""Seconds between looks at whether a program still works, and that it gets to read what it has."""
SETUP = """
ip link set lo up
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link add va mtu 65521 type veth peer name vb mtu 65521
ip link set va up && ip link set vb up
exec "$@"
"""
CORE = """
import select, signal, sys
from backchannel.catalogue import index
from backchannel.flows.core import FlowCore
from backchannel.live.ring import Ring
from backchannel.live.sockets import Capture, dropped, open_captures
from backchannel.pipeline import looks_for
(made,) = open_captures(Capture(interface="vb"))
ring = Ring(made.fd, made.link, made.block_size, made.blocks)
wanted = looks_for(index.load(), everything=False)
core = FlowCore(**(wanted if sys.argv[1] == "magics" else {"magics": []}))
going = [True]
signal.signal(signal.SIGINT, lambda *_: going.clear())
print("ready", flush=True)
while going:
    select.select([made.fd], [], [], 0.1)
    while (chunk := ring.next()) is not None:
        core.feed(chunk)
        while batch := core.take():
            for slot in {each[0] for each in batch if each[2] != 3}:
                core.drop(slot)
        ring.release()
print(core.totals()["packets"], dropped(made.fd)[1])
"""


class Run(msgspec.Struct):
    """One program on one replay."""

    packets: int
    drops: int
    processor: float

    @property
    def each(self) -> float:
        """Nanoseconds of processor time a packet."""
        return self.processor / max(self.packets, 1) * 1e9


def main() -> int:
    """Go into a namespace, measure, print."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--pps", type=int, default=0, help="packets a second; 0: as fast as it goes"
    )
    parser.add_argument("--only", default="", help="programs that have this in their names")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        again = [sys.executable, __file__, *sys.argv[1:], "--inside"]
        return subprocess.run(
            ["unshare", "-n" if os.geteuid() == 0 else "-Urn", "bash", "-c", SETUP, "bash", *again],
            check=False,
        ).returncode
    programs = {
        name: start
        for name, start in PROGRAMS.items()
        if options.only in name and shutil.which(start.needs)
    }
    runs: dict[str, list[Run]] = {name: [] for name in programs}
    rates = []
    for number in range(options.rounds):
        names = list(programs)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            print(f"round {number + 1}: {name}", file=sys.stderr, flush=True)
            rate, made = one(programs[name], options.capture, options.pps)
            runs[name].append(made)
            rates.append(rate)
    print(f"{options.capture.name}: {median(rates):,.0f} packets/s sent, {options.rounds} rounds")
    print(f"{'':30}{'seen':>11}{'drops':>9}{'ns CPU/packet':>15}   of tcpdump's   of ndpiReader's")
    for name, made in runs.items():
        ratios = [ratio(made, runs.get(other)) for other in ("tcpdump -w /dev/null", "ndpiReader")]
        print(
            f"{name:30}{median(run.packets for run in made):>11,.0f}"
            f"{max(run.drops for run in made):>9,}{median(run.each for run in made):>15.0f}"
            f"   {ratios[0]:>12}   {ratios[1]:>15}"
        )
    return 0


def ratio(mine: list[Run], other: list[Run] | None) -> str:
    """Return the median of the ratios within rounds."""
    if not other:
        return "-"
    return f"{median(a.each / b.each for a, b in zip(mine, other, strict=True)):.2f}"


class Program(msgspec.Struct):
    """A program that reads `vb`, and how to ask it what it saw."""

    needs: str
    command: list[str]
    ready: str
    """Text of its first output that says so; empty: a second after its start."""
    count: Callable[[subprocess.Popen[str]], tuple[int, int]]
    """End it; return packets seen and dropped."""


def one(program: Program, capture: Path, pps: int) -> tuple[float, Run]:
    """Run one program on one replay; return packets a second sent, and what it did."""
    process = subprocess.Popen(
        program.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    while program.ready and program.ready not in (line := process.stdout.readline()):
        if not line:
            raise SystemExit(f"{program.command[0]} did not start")
    time.sleep(1.5)
    before = processor(process.pid)
    speed = [f"--pps={pps}"] if pps else ["--topspeed"]
    sent = subprocess.run(
        ["tcpreplay", "-q", "-K", "-i", "va", *speed, str(capture)],
        capture_output=True,
        text=True,
        check=True,
    )
    until = time.monotonic() + PATIENCE
    last = processor(process.pid)
    while time.monotonic() < until:
        time.sleep(QUIET)
        now = processor(process.pid)
        if now - last < QUIET / 10:  # what is left is its idling
            break
        last = now
    packets, drops = program.count(process)
    found = re.search(r"([\d.]+) pps", sent.stdout)
    return float(found[1]) if found else 0.0, Run(packets, drops, last - before)


def processor(pid: int) -> float:
    """Return the seconds of processor time of a process and its children so far."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if pid in (int(folder.name), parent):
                tasks = folder.glob("task/*/schedstat")
                total += sum(int(task.read_text().split()[0]) for task in tasks)
        except OSError:
            continue
    return total / 1e9


def ours(process: subprocess.Popen[str]) -> tuple[int, int]:
    """Read our metrics, and end us."""
    time.sleep(1.2)
    text = urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics").read().decode()
    packets = re.search(r"^backchannel_packets_total (\d+)", text, re.MULTILINE)
    drops = re.search(
        r'^backchannel_kernel_drops_total\{interface="vb"\} (\d+)', text, re.MULTILINE
    )
    _end(process)
    assert packets
    assert drops
    return int(packets[1]), int(drops[1])


def tcpdump(process: subprocess.Popen[str]) -> tuple[int, int]:
    """End tcpdump, and read what it says then."""
    told = _end(process)
    captured = re.search(r"(\d+) packets captured", told)
    dropped = re.search(r"(\d+) packets dropped by kernel", told)
    return int(captured[1]) if captured else 0, int(dropped[1]) if dropped else 0


def ndpi(process: subprocess.Popen[str]) -> tuple[int, int]:
    """End ndpiReader, and read what it says then. It does not tell drops: they are the rest."""
    told = _end(process)
    seen = re.search(r"IP packets: .* of (\d+) packets", told)
    return int(seen[1]) if seen else 0, 0


def core(process: subprocess.Popen[str]) -> tuple[int, int]:
    """End the core, and read what it says then."""
    packets, drops = _end(process).split()[-2:]
    return int(packets), int(drops)


def _end(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=60)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


US = str(Path(sys.executable).with_name("backchannel"))
WATCH = [US, "watch", "-q", "-i", "vb", "--metrics", f"127.0.0.1:{PORT}"]
PROGRAMS = {
    "backchannel watch": Program(US, WATCH, "watching", ours),
    "our ring, core and magics": Program(
        sys.executable, [sys.executable, "-c", CORE, "magics"], "ready", core
    ),
    "our ring and core": Program(
        sys.executable, [sys.executable, "-c", CORE, "none"], "ready", core
    ),
    "tcpdump -w /dev/null": Program(
        "tcpdump",
        ["tcpdump", "-i", "vb", "-w", "/dev/null"],
        "listening on",
        tcpdump,
    ),
    "ndpiReader": Program("ndpiReader", ["ndpiReader", "-i", "vb", "-s", "600"], "", ndpi),
}


if __name__ == "__main__":
    sys.exit(main())
