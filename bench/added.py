#!/usr/bin/env python3
"""What a part of us adds to a scan: the same scan with and without it, in turn.

usage: bench/added.py findings|decoders CAPTURE [--rounds N]

findings    every rule, and the threat matrix
decoders    the decoders of ICQ, MSN, Yahoo, KaZaA, Gnutella, of voice and of remote control, beside
            those of OSCAR, IPsec, proxies and what these use
"""

import argparse
import os
import sys
from pathlib import Path
from statistics import median

from run import run

SCAN = """
import sys
from backchannel import pipeline
from backchannel.cli import main
if sys.argv.pop() == "without":
{without}
main()
"""
FINDINGS = """
    pipeline.rules.load = lambda *_: {}
    pipeline.matrix.build = lambda *_, **__: ()
"""
DECODERS = """
    kept = set("oscar oscar-http oft odc toc ike esp ah socks http http-proxy tls dns".split())
    loaded = {name: each for name, each in pipeline.load().items() if name in kept}
    pipeline.load = lambda: loaded
"""
PARTS = {"findings": FINDINGS, "decoders": DECODERS}
ASKED = {"findings": 0.10}
"""What a part may add at most."""


def main() -> int:
    """Print how much longer a scan takes with the part."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("capture", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed, with bytecode
    program = SCAN.replace("{without}", PARTS[options.part])
    times: dict[str, list[float]] = {"with": [], "without": []}
    for number in range(options.rounds + 1):  # the first one warms up, and is forgotten
        for way in sorted(times, reverse=number % 2 > 0):
            made = run([sys.executable, "-c", program, "scan", str(options.capture), "--json", way])
            if number:
                times[way].append(made.processor)
    added = sorted(a / b - 1 for a, b in zip(times["with"], times["without"], strict=True))
    print(f"{'':10}{'CPU s, median':>16}{'least':>10}")
    for way, seconds in times.items():
        print(f"{way:10}{median(seconds):16.2f}{min(seconds):10.2f}")
    least = min(times["with"]) / min(times["without"]) - 1
    print(f"added {median(added):.0%} (median of rounds), {least:.0%} (least against least)")
    if options.part in ASKED:
        asked = ASKED[options.part]
        verdict = "met" if median(added) <= asked else "MISSED"
        print(f"asked at most {asked:.0%}: {verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
