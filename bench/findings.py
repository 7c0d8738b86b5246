#!/usr/bin/env python3
"""What findings and the threat matrix add to a scan: the same scan with and without them, in turn.

usage: bench/findings.py CAPTURE [--rounds N]
"""

import argparse
import os
import sys
from pathlib import Path
from statistics import median

from run import run

SCAN = """
import gc, sys
import msgspec
from backchannel import pipeline
gc.set_threshold(50_000)
if sys.argv[2] == "without":
    pipeline.rules.load = lambda *_: {}
    pipeline.matrix.build = lambda *_, **__: ()
sys.stdout.buffer.write(msgspec.json.encode(pipeline.Scan(sys.argv[1]).document))
"""
ASKED = 0.10
"""What they may add at most."""


def main() -> int:
    """Print how much longer a scan takes with them."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed, with bytecode
    times: dict[str, list[float]] = {"with": [], "without": []}
    for number in range(options.rounds + 1):  # the first one warms up, and is forgotten
        for way in sorted(times, reverse=number % 2 > 0):
            made = run([sys.executable, "-c", SCAN, str(options.capture), way])
            if number:
                times[way].append(made.processor)
    added = sorted(a / b - 1 for a, b in zip(times["with"], times["without"], strict=True))
    print(f"{'':10}{'CPU s, median':>16}{'least':>10}")
    for way, seconds in times.items():
        print(f"{way:10}{median(seconds):16.2f}{min(seconds):10.2f}")
    least = min(times["with"]) / min(times["without"]) - 1
    verdict = "met" if median(added) <= ASKED else "MISSED"
    print(f"added {median(added):.0%} (median of rounds), {least:.0%} (least against least)")
    print(f"asked at most {ASKED:.0%}: {verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
