"""Events a second of `backchannel scan --events` against packets' JSON of `tshark -T json`.

usage: events.py CAPTURE [--repeat N]     N copies in one file, so that start-up fades

Processor time is told beside the wall's: a busy machine lengthens the one program's wall more than
the other's. Start-up is in both; from a thousand copies on it is a hundredth.
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
    """Run both programs three times in turn and print the ratios of their median times."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("--repeat", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        big = _repeated(asked.capture, asked.repeat, Path(folder) / "big.pcap")
        ours = [str(Path(sys.executable).with_name("backchannel")), "scan", str(big), "-q"]
        times: dict[str, list[tuple[float, float]]] = {"ours": [], "tshark": []}
        for _ in range(3):
            times["ours"].append(_time([*ours, "--events", f"{folder}/events.jsonl"]))
            times["tshark"].append(_time([word.replace("FILE", str(big)) for word in TSHARK]))
        events = sum(1 for _ in (Path(folder) / "events.jsonl").open())
    print(f"{asked.capture.name} x {asked.repeat}: {events} events")
    for what, at in (("wall", 0), ("processor", 1)):
        mine, theirs = (sorted(each[at] for each in times[who])[1] for who in ("ours", "tshark"))
        print(f"{what}: backchannel {mine:.2f} s, {events / mine:,.0f} events/s; ", end="")
        print(f"tshark {theirs:.2f} s; ratio {theirs / mine:.1f}")
    return 0


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
