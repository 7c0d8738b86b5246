"""Plays conversations in a lab of its own and records what the router saw of each.

usage: inlab.py lab|recorded FOLDER [METHOD]   on addresses of the lab, or of the recording

The folder holds `N.conversation` files; beside each, `N.pcap` is written, and a JSON line printed:
how it went, and the addresses it was played on.
"""

import asyncio
import socket
import struct
import sys
import time
from pathlib import Path

import msgspec

from backchannel.prove.conversation import unpack
from backchannel.prove.lab import Plan
from backchannel.prove.namespaces import isolate
from backchannel.prove.player import Places
from backchannel.prove.run import Cell, Job, Run


class Recorder:
    """What crosses the router's inside interface, as a pcap file."""

    def __init__(self, run):
        with run.lab.router.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((run.job.plan.inside_interface, 3))
        self.socket.setblocking(False)
        self.records = []
        asyncio.get_running_loop().add_reader(self.socket, self.take)

    def take(self):
        while True:
            try:
                frame = self.socket.recv(1 << 17)
            except BlockingIOError:
                return
            now = time.time_ns() // 1000
            size = len(frame)
            head = struct.pack("<IIII", now // 1_000_000, now % 1_000_000, size, size)
            self.records.append(head + frame)

    def write(self, path):
        self.take()
        head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
        path.write_bytes(head + b"".join(self.records))
        self.records.clear()


async def main(paths, method, *, recorded):
    scripts = tuple(unpack(path.read_bytes()) for path in paths)
    plan = Plan()
    if recorded:
        inside = tuple({each.inside for each in scripts})
        outside = tuple({host for each in scripts for host in each.hosts})
        plan = Plan(inside=inside, outside=outside)
    cells = tuple(Cell(id=n, conversation=n, method=method) for n in range(len(scripts)))
    run = Run(Job(plan=plan, enforced=None, conversations=scripts, cells=cells, patience=3.0))
    recorder = Recorder(run)
    for cell, script, path in zip(cells, scripts, paths, strict=True):
        player, _ = run._player(cell)
        if recorded:
            player.places = Places(script.inside, script.hosts, "", "")
        player.gate.set()
        played = await player.play()
        await asyncio.sleep(0.05)
        recorder.write(path.with_suffix(".pcap"))
        places = msgspec.to_builtins(player.places)
        told = {"places": places, "ending": played.ending, "passed": played.passed}
        print(msgspec.json.encode(told).decode(), flush=True)


if __name__ == "__main__":
    files = sorted(Path(sys.argv[2]).glob("*.conversation"))
    isolate()
    method = sys.argv[3] if len(sys.argv) > 3 else "standard"
    asyncio.run(main(files, method, recorded=sys.argv[1] == "recorded"))
