"""Servers to ask: recorded ones, hostile ones, and a run that does not take its time."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

from tests.kit import flows

from backchannel.catalogue.index import load
from backchannel.catalogue.load import load as services
from backchannel.model import Endpoint, Side
from backchannel.probe.judge import Judge
from backchannel.probe.named import Target
from backchannel.probe.pace import Limits
from backchannel.probe.port import Wishes
from backchannel.probe.ports import Expected, Port, usual
from backchannel.probe.run import Prober

EXAMPLES = Path(__file__).parents[2] / "examples"
INDEX = load()
JUDGE = Judge(INDEX)
QUICK = Limits(rate=1000, host_rate=1000, patience=2, answer=2, greeting=0.1, quiet=0.05, longest=4)
KNOWN = usual(services())
NOTHING = Expected((), ())
_hosts, _PROCESS = count(), os.getpid()


def fresh_host():
    """Return an address of the loopback network that no other test has, nor other processes' tests:
    some ports are the services' own.
    """
    return f"127.{64 + _PROCESS // 256 % 128}.{_PROCESS % 256}.{next(_hosts) % 254 + 1}"


class Server:
    """A TCP server on its own thread, each connection of which is given to *serve*."""

    def __init__(self, serve: Callable[[socket.socket], None], host="", port=0) -> None:
        self._serve = serve
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host or fresh_host(), port), family=family, backlog=64)
        self.host, self.port = self._socket.getsockname()[:2]
        self.connections = 0
        self._open = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._socket.accept()
                self.connections += 1
                self._open.append(link)
                threading.Thread(target=self._one, args=(link,), daemon=True).start()

    def _one(self, link):
        with contextlib.suppress(OSError), link:
            self._serve(link)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for link in self._open:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)


def datagrams(answer: Callable[[bytes], bytes], port=0):
    """Start a UDP server that answers each datagram with what *answer* returns, if anything."""
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind((fresh_host(), port))

    def run():
        with contextlib.suppress(OSError):
            while True:
                data, place = link.recvfrom(65536)
                if told := answer(data):
                    link.sendto(told, place)

    threading.Thread(target=run, daemon=True).start()
    return contextlib.closing(link)


def recorded(capture: str, port: int) -> tuple[bytes, bytes, bool]:
    """Return what the client of a recorded connection to *port* said first, what the server
    answered before the client spoke again, and whether the server spoke first.
    """
    for flow in flows(EXAMPLES / capture):
        if flow.start.server.port != port or flow.start.transport != "tcp":
            continue
        steps = [step for step in flow.steps if isinstance(step[1], bytes)]
        if not any(side is Side.SERVER for side, _ in steps):
            continue
        greets = steps[0][0] is Side.SERVER
        said, heard = b"", b""
        for side, data in steps:
            if side is Side.SERVER:
                heard += data
            elif (heard and not greets) or heard:
                break
            else:
                said += data
        return said, heard, greets
    raise LookupError(f"no connection to {port} in {capture}")


def replay(answer: bytes, greets: bool) -> Callable[[socket.socket], None]:
    """Serve a recorded answer: at once, or to whatever is said first."""

    def serve(link):
        link.settimeout(3)
        if not greets:
            link.recv(65536)
        link.sendall(answer)
        while link.recv(65536):
            pass

    return serve


def asked(
    host,
    *ports,
    name="",
    limits=QUICK,
    expected=None,
    through=None,
    torrent=b"",
    aggressive=False,
):
    """Ask one host; return the prober. *ports* are numbers (TCP) or `Port`."""
    prober = Prober(JUDGE, limits, Wishes(through, torrent, aggressive))
    asked_ports = [each if isinstance(each, Port) else Port("tcp", each) for each in ports]
    plan = {each: expected or KNOWN.get(each, NOTHING) for each in asked_ports}
    asyncio.run(prober.run([(Target(host, name), plan)]))
    return prober


def spoken(prober):
    """Return the protocols of every port asked, with whether they are inside TLS."""
    return {
        (verdict.claim.protocol, inner)
        for host in prober.hosts
        for result in host.results
        for verdict, inner in result.understood()
    }


def endpoint(server):
    return Endpoint(server.host, server.port)
