#!/usr/bin/env python3
"""Makes larger captures out of given ones.

usage: bench/repeat.py CAPTURE TIMES     writes CAPTURE to standard output TIMES times in a row

Each time its packets are as much later as it lasts, so that the flows of one time end in the next,
and between other addresses, so that there are ever new hosts.
"""

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from backchannel.capture import sources

EXAMPLES = Path(__file__).parents[1] / "examples"
COPIES = 200
"""Copies of the OSCAR examples, each between other addresses, in the capture for events."""
LITTLE = b"\xd4\xc3\xb2\xa1"


def count(capture: Path) -> int:
    """Return the number of packets of a capture."""
    (source,) = sources([str(capture)])
    return sum(len(chunk) for chunk in source.chunks())


def records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield time in nanoseconds and the bytes of each Ethernet frame."""
    for source in sources([str(path)]):
        for chunk in source.chunks():
            for time, link, data, _ in chunk:
                if link == 1:
                    yield time, bytes(data)


def conversations(target: Path) -> Path:
    """Write the OSCAR examples many times, each time between other addresses."""
    if target.exists():
        return target
    frames = [f for path in sorted(EXAMPLES.glob("aim/*.pcap")) for f in records(path)]
    with target.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for copy in range(COPIES):
            for number, (_, frame) in enumerate(frames):
                data = bytearray(frame)
                if data[12:14] == b"\x08\x00":
                    data[27] ^= copy  # the second byte of either address
                    data[31] ^= copy
                now = copy * 1000 + number * 0.01
                head = struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(data), len(data))
                file.write(head + data)
    return target


def again(path: Path, times: int) -> None:
    """Write a little-endian pcap to standard output *times* times in a row.

    Each time it is later, and its IPv4 packets are between other addresses.
    """
    data = path.read_bytes()
    if data[:4] != LITTLE:
        raise SystemExit("only little-endian pcap with microseconds can be repeated")
    buffer, at, seconds, addresses = bytearray(data), 24, [], []
    while at + 16 <= len(buffer):
        seconds.append(at)
        addresses += _addresses(data, at + 16)
        at += 16 + int.from_bytes(buffer[at + 8 : at + 12], "little")
    first, last = (
        int.from_bytes(buffer[at : at + 4], "little") for at in (seconds[0], seconds[-1])
    )
    sys.stdout.buffer.write(buffer)
    for turn in range(1, times):
        for at in seconds:
            now = int.from_bytes(buffer[at : at + 4], "little") + last - first + 1
            buffer[at : at + 4] = now.to_bytes(4, "little")
        for at in addresses:
            buffer[at] ^= turn ^ (turn - 1)
        sys.stdout.buffer.write(memoryview(buffer)[24:])


def _addresses(data: bytes, frame: int) -> tuple[int, ...]:
    """Return where the second bytes of the addresses of an IPv4 packet in Ethernet stand."""
    at = frame + 12
    if data[at : at + 2] == b"\x81\x00":
        at += 4
    if data[at : at + 2] != b"\x08\x00" or data[at + 18] >= 224:
        return ()
    return at + 15, at + 19


if __name__ == "__main__":
    again(Path(sys.argv[1]), int(sys.argv[2]))
