"""Events a second of `backchannel scan --events` against packets' JSON of `tshark -T json`.

usage: events.py CAPTURE... [--repeat N] [--turns N]     N copies in a file, so that start-up fades

A row a capture. Processor time is told beside the wall's: a busy machine lengthens the one
program's wall more than the other's. Start-up is in both: of our time on a short conversation it
is two fifths with 250 copies, and a fifth with a thousand.
"""

import argparse
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TSHARK = ["tshark", "-r", "FILE", "-T", "json", "-d", "tcp.port==5190-5193,aim"]


def main() -> int:
    """Run both programs in turn on each capture and print the ratios of their median times."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("captures", type=Path, nargs="+")
    parser.add_argument("--repeat", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    print(f"{asked.repeat} copies of each; medians of {asked.turns}; s of ours, of tshark, ratio")
    print(f"{'capture':40} {'events':>7} {'processor':>22} {'wall':>22} {'events/s':>9}")
    for capture in asked.captures:
        with tempfile.TemporaryDirectory() as folder:
            _row(capture, asked.repeat, asked.turns, Path(folder))
    return 0


def _row(capture: Path, repeat: int, turns: int, folder: Path) -> None:
    """Measure one capture, and print its row."""
    big, told = _repeated(capture, repeat, folder / "big.pcap"), folder / "events.jsonl"
    program = str(Path(sys.executable).with_name("backchannel"))
    ours = [program, "scan", str(big), "-q", "--events", str(told)]
    tshark = [word.replace("FILE", str(big)) for word in TSHARK]
    times = [(_time(ours), _time(tshark)) for _ in range(turns)]
    with told.open() as lines:
        events = sum(1 for _ in lines)
    row = f"{capture.name:40} {events:7}"
    for which in (1, 0):  # of a processor, of the wall
        mine, theirs = (sorted(each[who][which] for each in times)[turns // 2] for who in (0, 1))
        row += f" {mine:7.2f} {theirs:7.2f} {theirs / mine:6.1f}"
    print(f"{row} {events / mine:9,.0f}", flush=True)


def _repeated(capture: Path, times: int, target: Path) -> Path:
    """Write the packets of a little-endian pcap *times* over, a day apart, on other addresses."""
    data = capture.read_bytes()
    with target.open("wb") as out:
        out.write(data[:24])
        for turn in range(times):
            at = 24
            while at + 16 <= len(data):
                seconds, rest, held, size = struct.unpack_from("<IIII", data, at)
                frame = bytearray(data[at + 16 : at + 16 + held])
                if frame[12:14] == b"\x08\x00":
                    frame[27] ^= turn & 0xFF  # another host in source and destination
                    frame[31] ^= turn & 0xFF
                out.write(struct.pack("<IIII", seconds + turn * 600, rest, held, size))
                out.write(frame)
                at += 16 + held
    return target


def _time(command: list[str]) -> tuple[float, float]:
    """Run a program; return the seconds that passed, and those of a processor."""
    began, before = time.perf_counter(), os.times()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = os.times()
    used = after.children_user - before.children_user + after.children_system
    return time.perf_counter() - began, used - before.children_system


if __name__ == "__main__":
    sys.exit(main())
