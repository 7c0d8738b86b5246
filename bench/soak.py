#!/usr/bin/env python3
"""Let a watch run for long under steady load, and draw its memory: it must not grow.

usage: bench/soak.py CAPTURE [--minutes N] [--pps N] [--save FOLDER]

CAPTURE is replayed again and again in a network namespace, at a steady rate, while the watch writes
events and flows with rotation. Every ten seconds memory, packets and drops are taken. FOLDER gets
`soak.csv` and `soak.svg`. Run it with `nice`, beside other work.
"""

import argparse
import csv
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from live import PORT, SETUP, US

EVERY = 10.0
COLOURS = {"parsing": "#b3400e", "watching": "#1f5fa8"}
WIDTH, HEIGHT, MARGIN = 720, 260, 46


class Sample(msgspec.Struct):
    """One moment."""

    seconds: float
    watching: float
    """Megabytes of the process that watches."""
    parsing: float
    """Megabytes of the process that parses."""
    packets: int
    drops: int
    processor: float
    """Seconds of the parser."""


def main() -> int:
    """Go into a namespace, run, write and draw."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--pps", type=int, default=20_000)
    parser.add_argument("--save", type=Path, default=Path(__file__).parents[1] / "out" / "bench")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        again = [sys.executable, __file__, *sys.argv[1:], "--inside"]
        net = "-n" if os.geteuid() == 0 else "-Urn"
        return subprocess.run(
            ["unshare", net, "bash", "-c", SETUP, "bash", *again], check=False
        ).returncode
    options.save.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        samples = soak(options.capture, options.minutes * 60, options.pps, Path(folder))
    with (options.save / "soak.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Sample.__struct_fields__)
        writer.writerows(msgspec.structs.astuple(sample) for sample in samples)
    title = f"{options.capture.name} again and again, {options.pps:,} packets a second"
    (options.save / "soak.svg").write_text(plot(samples, title, COLOURS))
    print(summary(samples))
    return 0


def soak(capture: Path, seconds: float, pps: int, folder: Path) -> list[Sample]:
    """Run the watch under load; return what was measured."""
    files = ["--events", "e.jsonl", "--flows", "f.parquet", "--findings", "n.jsonl"]
    rotation = ["--rotate-size", "20MB", "--keep", "3"]
    watch = subprocess.Popen(
        [US, "watch", "-q", "-i", "vb", "--metrics", f"127.0.0.1:{PORT}", *files, *rotation],
        cwd=folder,
    )
    time.sleep(5)
    load = subprocess.Popen(
        ["tcpreplay", "-q", "-i", "va", f"--pps={pps}", "--loop=0", str(capture)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    samples: list[Sample] = []
    began = time.monotonic()
    try:
        while (now := time.monotonic() - began) < seconds:
            samples.append(sample(watch.pid, now))
            time.sleep(EVERY)
    finally:
        load.kill()
        load.wait()
        watch.send_signal(signal.SIGTERM)
        if watch.wait(timeout=120):
            print(f"the watch ended with {watch.returncode}", file=sys.stderr)
    return samples


def sample(pid: int, now: float) -> Sample:
    """Return what is so now."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=30).read().decode()

    def figure(name: str) -> float:
        found = re.search(rf"^backchannel_{name}(?:{{[^}}]*}})? (\S+)", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    return Sample(
        seconds=round(now, 1),
        watching=round(resident(pid) / 1e6, 1),
        parsing=round(figure("parser_memory_bytes") / 1e6, 1),
        packets=int(figure("packets_total")),
        drops=int(figure("kernel_drops_total")),
        processor=figure("cpu_seconds_total"),
    )


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def summary(samples: list[Sample]) -> str:
    """Return the figures in words: the second half against the quarter before it."""
    last = samples[-1]
    lines = [f"{last.seconds / 60:.0f} minutes, {last.packets:,} packets, {last.drops:,} dropped"]
    lines += [growth(name, [getattr(each, name) for each in samples]) for name in COLOURS]
    each = last.processor / max(last.packets, 1) * 1e9
    lines.append(f"parser: {each:.0f} ns of processor time a packet")
    return "\n".join(lines)


def growth(name: str, values: Sequence[float]) -> str:
    """Return megabytes over time in words."""
    half, quarter = len(values) // 2, len(values) // 4
    before, after = values[quarter:half], values[half:]
    return (
        f"{name}: {sum(before) / len(before):.1f} MB in the second quarter, "
        f"{sum(after) / len(after):.1f} MB in the second half, {max(values):.1f} MB at most"
    )


def plot(samples: Sequence[Any], title: str, colours: Mapping[str, str]) -> str:
    """Return memory over time as an SVG: a line for each field that *colours* names."""
    end = max(samples[-1].seconds, 1)
    top = max(getattr(each, name) for each in samples for name in colours) * 1.15

    def x(seconds: float) -> float:
        return MARGIN + seconds / end * (WIDTH - 2 * MARGIN)

    def y(value: float) -> float:
        return HEIGHT - MARGIN - value / top * (HEIGHT - 2 * MARGIN)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{MARGIN}" y="20">{escape(title)}</text>',
    ]
    for step in range(5):
        value, seconds = top * step / 4, end * step / 4
        parts.append(
            f'<path d="M{MARGIN} {y(value):.1f}H{WIDTH - MARGIN}" stroke="#ddd"/>'
            f'<text x="{MARGIN - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.0f}</text>'
            f'<text x="{x(seconds):.1f}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">'
            f"{seconds / 60:.0f} min</text>"
        )
    for place, (name, colour) in enumerate(colours.items()):
        line = " ".join(f"{x(s.seconds):.1f},{y(getattr(s, name)):.1f}" for s in samples)
        label = f"{name} process, MB"
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
            f'<text x="{MARGIN + 150 * place}" y="{HEIGHT - 8}" fill="{colour}">{label}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
