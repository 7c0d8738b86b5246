"""Interfaces that a process reads: sockets that it has inherited, each with its ring.

An interface may go and come back. Its next socket is handed over by the process that may open one.
"""

import os
import select
import socket
from collections.abc import Callable, Iterator, Sequence

import msgspec

from backchannel.live import messages, sockets
from backchannel.live.ring import Ring
from backchannel.live.sockets import Opened


class Source:
    """One interface's socket and its ring, with what the kernel counted of it."""

    def __init__(self, opened: Opened) -> None:
        self.packets = self.drops = 0
        """As far as the kernel was asked; what it dropped is also among the packets."""
        self.open(opened)

    def open(self, opened: Opened) -> None:
        """Read from the socket of *opened* from now on."""
        self.opened = opened
        self.ring: Ring | None = Ring(opened.fd, opened.link, opened.block_size, opened.blocks)

    @property
    def name(self) -> str:
        """The interface."""
        return self.opened.interface

    @property
    def alive(self) -> bool:
        """Whether packets can still come: False from when the interface is removed."""
        return self.ring is not None and sockets.bound(self.opened)

    def count(self) -> None:
        """Ask the kernel what came, and what it dropped, since the last time."""
        if self.ring is not None:
            packets, drops = sockets.dropped(self.opened.fd)
            self.packets += packets
            self.drops += drops

    def close(self) -> None:
        """Let go of a socket whose interface is gone."""
        self.count()
        self.ring = None
        os.close(self.opened.fd)


class Sources:
    """All interfaces of a process, in its poll. *gone* is called with one that was removed, before
    its socket is closed; over *arrivals* come the sockets of those that are back.
    """

    def __init__(
        self,
        captures: Sequence[Opened],
        arrivals: socket.socket,
        poll: select.poll,
        gone: Callable[[Source], None],
    ) -> None:
        self._all = [Source(opened) for opened in captures]
        self._arrivals, self._poll, self._gone = arrivals, poll, gone
        poll.register(arrivals, select.POLLIN)
        for source in self._all:
            poll.register(source.opened.fd, select.POLLIN | select.POLLERR)

    def __iter__(self) -> Iterator[Source]:
        return iter(self._all)

    def hear(self, fd: int, what: int) -> None:
        """Take what poll said of *fd*, if it is of an interface."""
        if fd == self._arrivals.fileno():
            self._arrive()
        elif what & select.POLLERR:
            self._trouble(fd)

    def _trouble(self, fd: int) -> None:
        """An interface went down: its socket gets packets again when it is up. If it was removed,
        the socket is dead.
        """
        sockets.error_of(fd)  # which forgets it: else poll would tell it for ever
        for source in self._all:
            if source.ring is not None and source.opened.fd == fd and not source.alive:
                self._gone(source)
                self._let_go(source)

    def _arrive(self) -> None:
        """Take the socket of an interface that is back."""
        data, fds, _, _ = socket.recv_fds(self._arrivals, 4096, 1)
        if not fds:
            self._poll.unregister(self._arrivals)
            return
        opened = msgspec.structs.replace(messages.opened(data), fd=fds[0])
        for source in self._all:
            if source.name == opened.interface and not source.alive:
                if source.ring is not None:  # it was gone already when this process began
                    self._let_go(source)
                source.open(opened)
                self._poll.register(opened.fd, select.POLLIN | select.POLLERR)
                return
        os.close(opened.fd)

    def _let_go(self, source: Source) -> None:
        self._poll.unregister(source.opened.fd)
        source.close()
