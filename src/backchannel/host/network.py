"""One network that is recorded: its sockets that are known, and what is heard of it."""

import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from backchannel.host import diag, ledger, lines, networks
from backchannel.host.openings import Openings
from backchannel.host.sockets import Socket
from backchannel.when import rfc3339


class Network:
    """Watches the network that it was made in. Raises OSError."""

    def __init__(self, name: str, user: int, numbers: Iterator[int]) -> None:
        self.name, self.user, self._numbers = name, user, numbers
        self._diag = diag.Diag()
        try:
            self.ends = diag.Ends()
        except OSError:
            self._diag.close()
            raise
        self.openings: Openings | None = None
        with suppress(OSError):
            self.openings = Openings()
        self._known = dict[bytes, tuple[bytes, int, int]]()
        """Ends, protocol and number of each socket, by its cookie."""
        self._addresses = set[str]()
        self._told = False

    @property
    def sockets(self) -> list[socket.socket]:
        """What is to be waited for."""
        return [each.socket for each in (self.ends, self.openings) if each is not None]

    def addresses(self, pid: int) -> list[ledger.Network]:
        """Return what is to be told of the network's addresses, as process *pid* in it has them."""
        if len(self._addresses) >= networks.ADDRESSES:
            return []
        fresh = networks.addresses(pid) - self._addresses
        if self._told and not fresh:
            return []
        self._told = True
        self._addresses |= fresh
        return list(lines.addressed(self.name, fresh, _now()))

    def opened(self) -> bool:
        """Say whether connections were opened since."""
        return self.openings is not None and self.openings.read() > 0

    def look(self, protocol: int) -> tuple[list[ledger.Line], list[bytes]]:
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
        return lines.held(number, self.name, told, programs, _now())

    def ended(self, counts: Counter[str]) -> Iterator[ledger.Line]:
        """Yield the lines of what ended since."""
        for protocol, each in self.ends.read():
            name = diag.cookie(each)
            if name in self._known:
                yield self._end(name)
            elif protocol in diag.PROTOCOLS:
                told = diag.read(each, protocol)
                if told.local.port:
                    counts["missed"] += 1
                    yield lines.missed(self.name, told, _now())

    def _end(self, name: bytes) -> ledger.Ended:
        return ledger.Ended(socket=self._known.pop(name)[2], time=_now())

    def close(self) -> None:
        """Leave it."""
        self._diag.close()
        self.ends.close()
        if self.openings is not None:
            self.openings.close()


def _now() -> str:
    return rfc3339(time.time_ns())
