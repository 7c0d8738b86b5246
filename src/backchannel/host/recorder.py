"""Records over time which process holds which socket, in all networks that we may enter.

Regular looks find what stays. What opens a TCP connection is looked at when its first packet
passes, and what ends is heard from the kernel; what nobody was seen to hold is written as missed.
"""

import os
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from backchannel import __version__
from backchannel.host import diag, ledger, networks, processes
from backchannel.host.holders import Holders
from backchannel.host.ledger import Line, identity
from backchannel.host.openings import Openings
from backchannel.host.sockets import TCP, Socket
from backchannel.when import rfc3339

INTERVAL = 0.2
"""Seconds between regular looks, unless told otherwise."""
SOON = 0.02
"""Seconds after an opening until what accepted it is looked for."""
NETWORKS_EVERY = 2.0
"""Seconds between looks for networks and addresses that are new."""
MOST = 512
"""Network namespaces that are watched together."""
Put = Callable[[Iterable[Line]], object]


class Recorder:
    """Watches sockets until it is closed. Raises OSError where the kernel tells nothing of them."""

    def __init__(self, put: Put, interval: float = INTERVAL, *, here: bool = False) -> None:
        """*put* takes the lines; *here*: look at no other network than our own."""
        self._put, self._interval, self._here = put, interval, here
        self._holders = Holders()
        self._selector = selectors.DefaultSelector()
        self._networks = dict[str, _Network]()
        self._counts = Counter[str]()
        self._unseen = Counter[str]()
        self._numbers = iter(range(1, 1 << 62))
        self._looked = self._searched = 0.0
        self._stopped = False
        self._woken, self._wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        own = _network_of(os.getpid())
        first = self._enter(own, os.getpid(), own=True)
        put([
            ledger.Began(
                tool=f"backchannel {__version__}",
                time=_now(),
                interval=interval,
                openings=first.openings is not None,
            )
        ])  # fmt: skip
        self._search()
        self._look(self._networks.values())

    @property
    def sees_openings(self) -> bool:
        """Whether TCP connections are looked at as they open."""
        return any(each.openings for each in self._networks.values())

    @property
    def counts(self) -> dict[str, int]:
        """How many sockets were held, and how many missed."""
        return dict(self._counts)

    def run(self, until: float) -> None:
        """Watch until this moment of the monotonic clock."""
        while not self._stopped and (now := time.monotonic()) < until:
            self.step(min(until, self._looked + self._interval) - now)

    def stop(self) -> None:
        """Let `run` end at once, though not in the middle of a line; for a signal's handler."""
        self._stopped = True
        os.write(self._wakes, b".")

    def step(self, wait: float) -> None:
        """Wait at most so many seconds for something to happen, and write what did."""
        if self._holders.waiting:
            wait = 0.0  # nothing to hear: time to describe somebody
        ready = self._selector.select(max(wait, 0.0))
        heard: list[_Network] = [key.data for key, _ in ready if key.data is not None]
        opened = [each for each in heard if each.opened()]
        if opened:
            self._look(opened, (TCP,))
            self._looked = min(self._looked, time.monotonic() + SOON - self._interval)
        for each in heard:
            self._put(each.ended(self._counts))
        now = time.monotonic()
        if now >= self._looked + self._interval:
            if now >= self._searched + NETWORKS_EVERY:
                self._search()
            self._look(self._networks.values())
        elif not heard:
            self._put(self._holders.describe())

    def close(self) -> None:
        """Write the last lines."""
        while self._holders.waiting:
            self._put(self._holders.describe())
        for each in self._networks.values():
            self._put(each.ended(self._counts))
            self._unseen["words of sockets that ended"] += each.ends.lost
            each.close()
        self._unseen["processes whose sockets could not be seen"] = self._holders.denied
        self._selector.close()
        os.close(self._woken)
        os.close(self._wakes)
        self._put([
            ledger.Finished(
                time=_now(),
                held=self._counts["held"],
                missed=self._counts["missed"],
                unseen={name: count for name, count in self._unseen.items() if count},
            )
        ])  # fmt: skip

    def _search(self) -> None:
        """Enter the networks that are new, and leave those that are gone."""
        self._searched = time.monotonic()
        found = dict[str, int]()
        for name in os.listdir(processes.PROC):  # noqa: PTH208 - names only
            if name.isdigit() and (network := _network_of(int(name))):
                found.setdefault(network, int(name))
        if self._here:
            found = {name: pid for name, pid in found.items() if name in self._networks}
        for network, pid in found.items():
            if network not in self._networks and len(self._networks) < MOST:
                try:
                    self._enter(network, pid)
                except OSError:
                    self._unseen["networks that could not be entered"] += 1
            if network in self._networks:
                self._put(self._networks[network].addresses(pid))
        for network in self._networks.keys() - found.keys():
            gone = self._networks.pop(network)
            self._put(gone.ended(self._counts))
            for heard in gone.sockets:
                self._selector.unregister(heard)
            gone.close()

    def _enter(self, network: str, pid: int, *, own: bool = False) -> "_Network":
        made = _Network(network, self._numbers) if own else None
        if made is None:
            with networks.inside(pid):
                made = _Network(network, self._numbers)
        for heard in made.sockets:
            self._selector.register(heard, selectors.EVENT_READ, made)
        self._networks[network] = made
        return made

    def _look(
        self, wanted: "Iterable[_Network]", protocols: tuple[int, ...] = diag.PROTOCOLS
    ) -> None:
        """Compare the kernel's list with what is known, and write what is new or gone."""
        if protocols == diag.PROTOCOLS:
            self._looked = time.monotonic()
        fresh = list[tuple[_Network, bytes, Socket]]()
        for network in wanted:
            for protocol in protocols:
                ended, opened = network.look(protocol)
                self._put(ended)
                fresh += [(network, each, diag.read(each, protocol)) for each in opened]
        if not fresh:
            return
        holders = self._holders.of({told.inode for *_, told in fresh})
        self._put([
            network.hold(each, told, holders[told.inode])
            for network, each, told in fresh
        ])  # fmt: skip
        self._counts["held"] += len(fresh)


class _Network:
    """One network: its sockets that are known, and what is heard of it."""

    def __init__(self, name: str, numbers: Iterator[int]) -> None:
        self.name, self._numbers = name, numbers
        self._diag, self.ends = diag.Diag(), diag.Ends()
        self.openings: Openings | None = None
        with suppress(OSError):
            self.openings = Openings()
        self._known = dict[bytes, tuple[bytes, int, int]]()
        """Ends, protocol and number of each socket, by its cookie."""
        self._addresses = frozenset[str]()

    @property
    def sockets(self) -> "list[socket.socket]":
        """What is to be waited for."""
        return [each.socket for each in (self.ends, self.openings) if each is not None]

    def addresses(self, pid: int) -> list[ledger.Network]:
        """Return the network's addresses, where they are others than before."""
        now = networks.addresses(pid)
        if not now or now == self._addresses:
            return []
        self._addresses = now
        return [ledger.Network(network=self.name, time=_now(), addresses=tuple(sorted(now)))]

    def opened(self) -> bool:
        """Say whether connections were opened since."""
        return self.openings is not None and self.openings.read() > 0

    def look(self, protocol: int) -> tuple[list[Line], list[bytes]]:
        """Return the lines of sockets that are gone, and those that are new."""
        seen, new = set[bytes](), []
        for each in self._diag.sockets(protocol):
            name = diag.cookie(each)
            seen.add(name)
            known = self._known.get(name)
            if (known is None or known[0] != diag.ends(each)) and diag.read(each, protocol).inode:
                new.append(each)  # without a number it waits to be accepted
        gone = [
            name
            for name, (_, theirs, _) in self._known.items()
            if theirs == protocol and name not in seen
        ]
        changed = [name for each in new if (name := diag.cookie(each)) in self._known]
        return [self._end(name) for name in (*gone, *changed)], new

    def hold(self, each: bytes, told: Socket, programs: tuple[int, ...]) -> ledger.Held:
        """Remember a socket, and return its line."""
        number = next(self._numbers)
        self._known[diag.cookie(each)] = diag.ends(each), told.protocol, number
        remote = told.remote
        return ledger.Held(
            socket=number,
            network=self.name,
            transport=told.transport,
            local=told.local.address,
            local_port=told.local.port,
            remote=remote.address if remote else "",
            remote_port=remote.port if remote else 0,
            state=told.state,
            community_id=identity(told.protocol, told.local, remote),
            time=_now(),
            uid=told.uid,
            programs=programs,
        )

    def ended(self, counts: Counter[str]) -> list[Line]:
        """Return the lines of what ended since."""
        return list(self._ended(counts))

    def _ended(self, counts: Counter[str]) -> Iterator[Line]:
        for protocol, each in self.ends.read():
            name = diag.cookie(each)
            if name in self._known:
                yield self._end(name)
            elif protocol in diag.PROTOCOLS:
                told = diag.read(each, protocol)
                if told.local.port:
                    counts["missed"] += 1
                    yield _missed(self.name, told)

    def _end(self, name: bytes) -> ledger.Ended:
        return ledger.Ended(socket=self._known.pop(name)[2], time=_now())

    def close(self) -> None:
        """Leave it."""
        self._diag.close()
        self.ends.close()
        if self.openings is not None:
            self.openings.close()


def _missed(network: str, told: Socket) -> ledger.Missed:
    remote = told.remote
    return ledger.Missed(
        network=network,
        transport=told.transport,
        local=told.local.address,
        local_port=told.local.port,
        remote=remote.address if remote else "",
        remote_port=remote.port if remote else 0,
        community_id=identity(told.protocol, told.local, remote),
        time=_now(),
    )


def _network_of(pid: int) -> str:
    try:
        return os.readlink(f"{processes.PROC}/{pid}/ns/net")  # noqa: PTH115 - of many
    except OSError:
        return ""


def _now() -> str:
    return rfc3339(time.time_ns())
