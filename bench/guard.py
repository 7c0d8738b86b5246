"""What the guard costs: throughput and latency through a router with it and without, in one run.

usage: .venv/bin/python bench/guard.py [--rounds N] [--seconds S]

Client, router and server are network namespaces of one machine (see `tests/enforce/lab.py`), so
that all three share its cores. Rounds alternate between off and on; ratios are of paired rounds.
The guard's policy refuses files of every messenger and everything of the sharing networks.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("LAB_TIMEOUT", "1800")

from tests.enforce.guarding import guard, services
from tests.enforce.lab import SERVER, World, die_with_parent, isolated

from backchannel.enforce.inject import checksum

POLICY = """
rules:
  - deny: [aim, icq, msn, yahoo]
    capabilities: [file-transfer, image, voice-video]
  - deny: [gnutella, kazaa, bittorrent, edonkey]
"""
BULK, CONNECTS, ECHO = 9001, 9002, 9003
WARM = 200


class Servers:
    """What answers on the server: a sink, a greeter and an echo, in a process of its own."""

    def __init__(self, world: World) -> None:
        if os.fork():
            return
        die_with_parent()
        self._listeners = [
            (world.server.listen(4, SERVER[4], BULK), self._swallow),
            (world.server.listen(4, SERVER[4], CONNECTS), self._greet),
            (world.server.listen(4, SERVER[4], ECHO), self._echo),
        ]
        for listener, serve in self._listeners:
            listener.settimeout(None)
            listener.listen(4096)
            threading.Thread(target=self._loop, args=(listener, serve), daemon=True).start()
        signal.pause()

    @staticmethod
    def _loop(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        while True:
            near, _ = listener.accept()
            if serve is Servers._greet:
                serve(near)
            else:
                threading.Thread(target=serve, args=(near,), daemon=True).start()

    @staticmethod
    def _swallow(near: socket.socket) -> None:
        room, total = bytearray(1 << 20), 0
        while size := near.recv_into(room):
            total += size
        near.sendall(total.to_bytes(8))
        near.close()

    @staticmethod
    def _greet(near: socket.socket) -> None:
        with near:
            near.recv(1000)
            near.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    @staticmethod
    def _echo(near: socket.socket) -> None:
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := near.recv(1000):
            near.sendall(data)


def bulk(world: World, seconds: float) -> float:
    """Return MB/s of one connection."""
    near = world.client.connect(SERVER[4], BULK, 20)
    block, end = b"\xaa" * (1 << 18), time.monotonic() + seconds
    began = time.monotonic()
    while time.monotonic() < end:
        near.sendall(block)
    near.shutdown(socket.SHUT_WR)
    total = int.from_bytes(near.recv(8))
    return total / (time.monotonic() - began) / 1e6


def first_packets(world: World, number: int) -> tuple[list[float], list[float]]:
    """Return milliseconds from SYN to SYN-ACK of each of *number* connections, one at a time, and
    from SYN to the answer's first byte: whether first words have to wait.
    """
    took, whole = [], []
    with world.client.inside():
        for _ in range(number):
            near = socket.socket()
            near.settimeout(10)
            began = time.perf_counter()
            near.connect((SERVER[4], CONNECTS))
            took.append((time.perf_counter() - began) * 1e3)
            near.sendall(b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n")
            near.recv(100)
            whole.append((time.perf_counter() - began) * 1e3)
            near.close()
    return took, whole


def later_packets(world: World, number: int) -> list[float]:
    """Return milliseconds of round trips on a connection that was decided long ago."""
    near = world.client.connect(SERVER[4], ECHO, 10)
    took = []
    for at in range(number + WARM):
        began = time.perf_counter()
        near.sendall(b"\xaa" * 200)
        near.recv(1000)
        if at >= WARM:
            took.append((time.perf_counter() - began) * 1e3)
    near.close()
    return took


def decided(world: World, number: int) -> tuple[float, float]:
    """Return connections for each CPU second of a guard, and packets of each that came to it.

    Whole connections (opening, request, answer, both ends) leave the router by its output hook in
    stages, and are dropped behind it: what a receiver would do is not counted as the guard's.
    """
    world.router.sh(
        "ip link add b0 type veth peer name b1",
        "ip link set b0 arp off; ip link set b0 up; ip link set b1 up",
        "ip addr add 172.16.255.1/16 dev b0",
        "nft add table netdev bench",
        "nft 'add chain netdev bench in { type filter hook ingress device b1 priority 0; "
        "policy drop; }'",
    )
    stages = [list(each) for each in _stages(number)]
    with guard(world, POLICY, length=65536, hooks=("output",)) as running:
        with world.router.inside():
            out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)
            parts = running.pid, running.inspector
            before = sum(map(cpu, parts))
            for stage in stages:
                for packet in stage:
                    out.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))
                while _waiting():
                    time.sleep(0.002)
            used = sum(map(cpu, parts)) - before
        status = running.status()
    world.router.sh("ip link del b0", "nft delete table netdev bench")
    return number / used, status["packets"] / number


def _stages(number: int) -> Iterator[Iterator[bytes]]:
    """Yield the packets of *number* connections, the same step of many at a time."""
    server, few = "172.16.0.9", 2000
    ask = b"GET / HTTP/1.1\r\nHost: www.example\r\nUser-Agent: a browser of some kind\r\n\r\n"
    told = b"HTTP/1.1 204 No Content\r\n\r\n"
    asked, answered = 1001 + len(ask), 5001 + len(told)
    steps = (
        (0, 1000, 0, 0x02, b""),
        (1, 5000, 1001, 0x12, b""),
        (0, 1001, 5001, 0x10, b""),
        (0, 1001, 5001, 0x18, ask),
        (1, 5001, asked, 0x18, told),
        (1, answered, asked, 0x11, b""),
        (0, asked, answered + 1, 0x11, b""),
        (1, answered + 1, asked + 1, 0x10, b""),
    )
    for first in range(0, number, few):
        for side, seq, ack, flags, data in steps:
            yield (
                _tcp((f"172.16.1.{1 + at // 50_000}", 2000 + at % 50_000), (server, 80), side)(
                    seq, ack, flags, data
                )
                for at in range(first, first + few)
            )


def _tcp(
    client: tuple[str, int], server: tuple[str, int], side: int
) -> Callable[[int, int, int, bytes], bytes]:
    ends = (server, client) if side else (client, server)
    source, target = (socket.inet_aton(address) for address, _ in ends)

    def make(seq: int, ack: int, flags: int, data: bytes) -> bytes:
        ports = ends[0][1], ends[1][1]
        body = struct.pack(">HHIIBBHHH", *ports, seq, ack, 5 << 4, flags, 65000, 0, 0) + data
        check = checksum(source + target + struct.pack(">HH", 6, len(body)) + body)
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, 64, 6, 0)
        return head + source + target + body[:16] + struct.pack(">H", check) + body[18:]

    return make


def _waiting() -> int:
    """Return the packets that wait in the queue."""
    return int(Path("/proc/net/netfilter/nfnetlink_queue").read_text().split()[2])


def cpu(pid: int) -> float:
    """Return the seconds of CPU time that a process used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def nothing() -> Iterator[None]:
    """Stand in for the guard."""
    yield None


def centile(values: list[float], part: float) -> float:
    """Return the value below which *part* of them lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def run(rounds: int, seconds: float, written: int) -> None:
    """Measure, and write the figures as JSON to the file descriptor *written*."""
    world = World()
    Servers(world)
    time.sleep(0.3)
    told: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        told.setdefault(name, []).append(value)

    for at in range(rounds):
        for on in (False, True) if at % 2 else (True, False):
            with guard(world, POLICY) if on else nothing():
                which = "on" if on else "off"
                note(f"MB/s {which}", bulk(world, seconds))
                (first, whole), later = first_packets(world, 300), later_packets(world, 1000)
                note(f"first median {which}", statistics.median(first))
                note(f"first p99 {which}", centile(first, 0.99))
                note(f"answer median {which}", statistics.median(whole))
                note(f"answer p99 {which}", centile(whole, 0.99))
                note(f"later median {which}", statistics.median(later))
                note(f"later p99 {which}", centile(later, 0.99))
        each, packets = decided(world, 20_000)
        note("connections decided a CPU second", each)
        note("their packets that came to us", packets)
    os.write(written, json.dumps(told).encode())


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    given = parser.parse_args()
    services()
    ready, written = os.pipe()
    isolated(run)(given.rounds, given.seconds, written)
    told = json.loads(os.read(ready, 1 << 20))
    middle = {name: statistics.median(values) for name, values in told.items()}
    for name, value in middle.items():
        print(f"{name:34} {value:12.3f}   {min(told[name]):.3f} .. {max(told[name]):.3f}")
    ratio = [on / off for on, off in zip(told["MB/s on"], told["MB/s off"], strict=True)]
    print(f"throughput on / off: {statistics.median(ratio):.3f} (goal: at least 0.9)")
    for kind, part in (
        ("first", "median"),
        ("first", "p99"),
        ("answer", "median"),
        ("answer", "p99"),
        ("later", "median"),
        ("later", "p99"),
    ):
        added = middle[f"{kind} {part} on"] - middle[f"{kind} {part} off"]
        print(f"added latency of {kind} packets, {part}: {added:.3f} ms")


if __name__ == "__main__":
    main()
