"""Records over time which process holds which socket, in all networks that we may enter.

Regular looks find what stays. What opens a TCP connection is looked at when its first packet
passes, and what ends is heard from the kernel; what nobody was seen to hold is written as missed.
"""

import errno
import os
import selectors
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread

from backchannel import __version__
from backchannel.host import diag, ledger, networks, processes
from backchannel.host.describing import Describer
from backchannel.host.descriptors import make_room
from backchannel.host.holders import Holders
from backchannel.host.ledger import Line
from backchannel.host.network import Network
from backchannel.host.sockets import TCP, Socket
from backchannel.when import rfc3339

INTERVAL = 0.2
"""Seconds between regular looks, unless told otherwise."""
SOON = 0.02
"""Seconds after an opening until what accepted it is looked for."""
NETWORKS_EVERY = 2.0
"""Seconds between looks for networks and addresses that are new."""
MOST, OF_ONE = 512, 64
"""Network namespaces that are watched together, and those of one user other than root: he could
make so many that there is no room for others.
"""
FILES = 4096
"""Descriptors that all this may need."""
PATIENCE = 10.0
"""Seconds at the end for those who are still to be described."""
Put = Callable[[Iterable[Line]], object]


class Recorder:
    """Watches sockets until it is closed. Raises OSError where the kernel tells nothing of them."""

    def __init__(self, put: Put, interval: float = INTERVAL, *, here: bool = False) -> None:
        """*put* takes the lines; *here*: look at no other network than our own."""
        self._put, self._interval, self._here = put, interval, here
        self._describer = Describer()
        self._holders = Holders(self._describer)
        self._selector = selectors.DefaultSelector()
        self._networks = dict[str, Network]()
        self._users = Counter[int]()
        """How many networks of each user are watched."""
        self._refused = set[str]()
        self._counts = Counter[str]()
        self._numbers = iter(range(1, 1 << 62))
        self._looked = self._searched = 0.0
        self._stopped = self._ending = False
        self._woken, self._wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        make_room(FILES)
        first = self._enter(_network_of(os.getpid()), os.getpid())
        put([
            ledger.Began(
                tool=f"backchannel {__version__}",
                time=_now(),
                interval=interval,
                openings=first.openings is not None,
            )
        ])  # fmt: skip
        self._described = deque[ledger.Program]()
        self._describes = Thread(target=self._describe, daemon=True)
        self._describes.start()
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
        self._wake()

    def step(self, wait: float) -> None:
        """Wait at most so many seconds for something to happen, and write what did."""
        ready = self._selector.select(max(wait, 0.0))
        with suppress(BlockingIOError):
            os.read(self._woken, 4096)
        self._put(self._told())
        heard: list[Network] = [key.data for key, _ in ready if key.data is not None]
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

    def close(self) -> None:
        """Write the last lines."""
        self._ending = True
        self._describer.wake()
        self._describes.join(PATIENCE)
        self._describer.hurry()
        self._describes.join()
        self._describer.close()
        self._put(self._told())
        lost = 0
        for each in self._networks.values():
            self._put(each.ended(self._counts))
            lost += each.ends.lost
            each.close()
        self._selector.close()
        os.close(self._woken)
        os.close(self._wakes)
        unseen = {
            "networks that could not be entered": len(self._refused),
            "processes whose sockets could not be seen": self._holders.denied,
            "words of sockets that ended": lost,
        }
        self._put([
            ledger.Finished(
                time=_now(),
                held=self._counts["held"],
                missed=self._counts["missed"],
                unseen={name: count for name, count in unseen.items() if count},
            )
        ])  # fmt: skip

    def _describe(self) -> None:
        """Describe processes, in a thread of its own: to hash a file or to read a package database
        takes longer than many sockets live.
        """
        while True:
            told = self._describer.next()
            if told is not None:
                self._described.append(told)
                self._wake()
            elif self._ending:
                return
            else:
                self._describer.wait()

    def _told(self) -> list[ledger.Program]:
        """Return who was described since."""
        return [self._described.popleft() for _ in range(len(self._described))]

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._wakes, b".")

    def _search(self) -> None:
        """Enter the networks that are new, and leave those that are gone."""
        self._searched = time.monotonic()
        found = dict[str, int]()
        for name in os.listdir(processes.PROC):  # noqa: PTH208 - names only
            if name.isdigit() and (network := _network_of(int(name))):
                found.setdefault(network, int(name))
        if self._here:
            found = {name: pid for name, pid in found.items() if name in self._networks}
        for network in self._networks.keys() - found.keys():
            self._leave(network)
        for network, pid in found.items():
            if network not in self._networks:
                try:
                    self._enter(network, pid)
                except OSError:
                    self._refused.add(network)
                    continue
            self._put(self._networks[network].addresses(pid))

    def _enter(self, name: str, pid: int) -> Network:
        """Watch a network. Raises OSError where that cannot be done, or there are too many."""
        user = networks.owner(pid) if self._networks else 0
        if len(self._networks) >= MOST or (user and self._users[user] >= OF_ONE):
            raise OSError(errno.EUSERS, os.strerror(errno.EUSERS))
        with networks.inside(pid):
            made = Network(name, user, self._numbers)
        for heard in made.sockets:
            self._selector.register(heard, selectors.EVENT_READ, made)
        self._users[user] += 1
        self._networks[name] = made
        self._refused.discard(name)
        return made

    def _leave(self, name: str) -> None:
        gone = self._networks.pop(name)
        self._users[gone.user] -= 1
        self._put(gone.ended(self._counts))
        for heard in gone.sockets:
            self._selector.unregister(heard)
        gone.close()

    def _look(self, wanted: Iterable[Network], protocols: tuple[int, ...] = diag.PROTOCOLS) -> None:
        """Compare the kernel's list with what is known, and write what is new or gone."""
        if protocols == diag.PROTOCOLS:
            self._looked = time.monotonic()
        fresh = list[tuple[Network, bytes, Socket]]()
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


def _network_of(pid: int) -> str:
    try:
        return os.readlink(f"{processes.PROC}/{pid}/ns/net")  # noqa: PTH115 - of many
    except OSError:
        return ""


def _now() -> str:
    return rfc3339(time.time_ns())
