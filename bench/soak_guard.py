#!/usr/bin/env python3
"""Let a guard run for long under mixed connections, and draw its memory: it must not grow.

usage: .venv/bin/python bench/soak_guard.py [--minutes N] [--clients N] [--save FOLDER]

Client, router and server are network namespaces of one machine. Clients hold conversations of the
examples, real requests and random bytes over and over, each with a server that answers as recorded;
some are refused. Every ten seconds memory of the guard's processes is taken, and what it says of
itself. FOLDER gets `soak-guard.csv` and `soak-guard.svg`. Run it with `nice`, beside other work.
"""

import argparse
import csv
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from mmap import mmap
from pathlib import Path
from random import Random
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from soak import EVERY, growth, plot, resident
from tests.enforce import lab
from tests.enforce.guarding import guard, services
from tests.enforce.lab import SERVER, World, die_with_parent, isolated
from tests.kit import flows

ROOT = Path(__file__).parents[1]
POLICY = """
rules:
  - deny: [aim, icq, msn, yahoo]
    capabilities: [file-transfer, image, voice-video]
    on-failure: closed
  - deny: [gnutella, kazaa]
  - deny: [socks, ipsec]
"""
EXAMPLES = (
    *("aim/aim_md5login_8im.pcap", "aim/aim_oft.pcap", "aim/aim_socks5.pcap"),
    *("msn/msn_msnp9_libpurple243.pcap", "yahoo/ymsg9_libpurple200.pcap"),
    *("gnutella/gtkg_handshake_query_download.pcap", "fasttrack/ft_http_1214.pcap"),
    *("icq/icq_v5_neticq_iserverd.pcap", "ipsec/natt_client_side.pcap"),
    "bittorrent/libtorrent_tcp_plain.pcap",
)
WEB = [
    (0, b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n"),
    (1, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 9000),
]
FIRST_PORT, PATIENCE = 20_000, 0.5
COLOURS = {"inspector": "#b3400e", "guard": "#1f5fa8", "watchdog": "#3c7a3c"}
Steps = list[tuple[int, bytes]]


class Sample(msgspec.Struct):
    """One moment; memory in megabytes."""

    seconds: float
    guard: float
    inspector: float
    watchdog: float
    connections: int
    packets: int
    flows: int
    refused: int


def conversations() -> list[tuple[str, Steps]]:
    """Return (transport, steps) of what is held."""
    found: list[tuple[str, Steps]] = [("tcp", WEB), ("tcp", WEB)]
    for name in EXAMPLES:
        for flow in list(flows(ROOT / "examples" / name))[:12]:
            steps = [(int(side), data) for side, data in flow.steps if isinstance(data, bytes)]
            if steps and flow.start.transport in ("tcp", "udp"):
                found.append((flow.start.transport, steps[:60]))
    chance = Random(6)
    noise = [(side % 2, chance.randbytes(chance.randrange(1, 900))) for side in range(20)]
    return [*found, ("tcp", noise), ("udp", noise)]


class Load:
    """Servers and clients, each in a process of its own; counts what was held to the end."""

    def __init__(self, world: World, clients: int) -> None:
        self._world, self._held, self._counts = world, conversations(), mmap(-1, 8 * clients)
        self.pids = [self._apart(self._serve)]
        time.sleep(1)
        self.pids += [self._apart(self._talk, number) for number in range(clients)]

    @property
    def connections(self) -> int:
        """How many conversations were begun."""
        return sum(memoryview(self._counts).cast("Q"))

    def stop(self) -> None:
        """End all."""
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    @staticmethod
    def _apart(work: Callable[..., None], *arguments: Any) -> int:
        pid = os.fork()
        if not pid:
            die_with_parent()
            try:
                work(*arguments)
            finally:
                os._exit(1)
        return pid

    def _serve(self) -> None:
        for number, (transport, steps) in enumerate(self._held):
            kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
            made = self._world.server.listen(4, SERVER[4], FIRST_PORT + number, kind)
            made.settimeout(None)
            serve = self._accept if transport == "tcp" else self._answer
            threading.Thread(target=serve, args=(made, steps), daemon=True).start()
        signal.pause()

    def _accept(self, listener: socket.socket, steps: Steps) -> None:
        listener.listen(1024)
        while True:
            near, _ = listener.accept()
            threading.Thread(target=hold, args=(near, steps, 1), daemon=True).start()

    @staticmethod
    def _answer(made: socket.socket, steps: Steps) -> None:
        answers = [data for side, data in steps if side == 1] or [b"none"]
        for number in range(1 << 62):
            _, sender = made.recvfrom(65536)
            made.sendto(answers[number % len(answers)][:1400], sender)

    def _talk(self, number: int) -> None:
        chance, counts = Random(number), memoryview(self._counts).cast("Q")
        while True:
            at = chance.randrange(len(self._held))
            transport, steps = self._held[at]
            kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
            with self._world.client.inside():
                near = socket.socket(socket.AF_INET, kind)
            near.settimeout(PATIENCE)
            try:
                near.connect((SERVER[4], FIRST_PORT + at))
                hold(near, steps, 0)
            except OSError:
                near.close()
            counts[number] += 1


def hold(near: socket.socket, steps: Steps, mine: int) -> None:
    """Hold one side of a conversation, as far as it goes."""
    near.settimeout(PATIENCE)
    datagrams = near.type == socket.SOCK_DGRAM
    with near:
        try:
            for side, data in steps:
                if side == mine:
                    near.sendall(data[:1400] if datagrams else data)
                    continue
                left = len(data)
                while left > 0:
                    piece = near.recv(65536 if datagrams else left)
                    left -= left if datagrams else len(piece) or left
        except OSError:
            return


@isolated
def soak(seconds: float, clients: int, save: Path) -> None:
    """Run the guard under load; write what was measured."""
    world = World()
    world.client.sh("sysctl -qw net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_port_range='2000 65000'")
    samples: list[Sample] = []
    with guard(world, POLICY) as running:
        load = Load(world, clients)
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            samples.append(sample(running.status(), now, load.connections))
            time.sleep(EVERY)
        load.stop()
    with (save / "soak-guard.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Sample.__struct_fields__)
        writer.writerows(msgspec.structs.astuple(each) for each in samples)
    rate = samples[-1].connections / samples[-1].seconds
    title = f"{samples[-1].connections:,} mixed connections, {rate:,.0f} a second"
    (save / "soak-guard.svg").write_text(plot(samples, title, COLOURS))
    last = samples[-1]
    print(f"{last.seconds / 60:.0f} minutes, {last.connections:,} connections, {last.packets:,}")
    print(f"packets seen, {last.refused:,} refused, {last.flows:,} flows at the end")
    for name in COLOURS:
        print(growth(name, [getattr(each, name) for each in samples]))


def sample(told: dict[str, Any], now: float, connections: int) -> Sample:
    """Return what is so now."""
    memory = {
        name: round(resident(told[field]) / 1e6, 1)
        for name, field in (
            ("guard", "process"),
            ("inspector", "inspector"),
            ("watchdog", "watchdog"),
        )
    }
    return Sample(
        seconds=round(now, 1),
        connections=connections,
        packets=told["packets"],
        flows=told["flows"],
        refused=sum(each["times"] for each in told["refusals"]),
        **memory,
    )


def main() -> int:
    """Read the options, run."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--save", type=Path, default=ROOT / "out" / "bench")
    options = parser.parse_args()
    options.save.mkdir(parents=True, exist_ok=True)
    services()
    lab.TIMEOUT = float("inf")
    soak(options.minutes * 60, options.clients, options.save)
    return 0


if __name__ == "__main__":
    sys.exit(main())
