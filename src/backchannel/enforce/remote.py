"""The inspecting process as its guard sees it: started, told, heard, ended."""

import contextlib
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence

import msgspec

from backchannel import process
from backchannel.enforce import messages
from backchannel.enforce.messages import Command, Done, Figures, Opened, Report, Task
from backchannel.enforce.nfqueue import Queue
from backchannel.errors import reason
from backchannel.live.framing import READ, Broken, Inbox

START_LIMIT = 60.0
"""Seconds that it has to load everything."""
TELL_LIMIT = 2
"""Seconds for which the guard waits until it takes a command."""
SILENCE = 10.0
"""Seconds without a word after which it counts as lost."""


class Lost(Exception):  # noqa: N818 - what the process is
    """The process is gone, hangs, or says what cannot be."""


class Remote:
    """One inspecting process. Its queues are bound here, with the rights that this needs."""

    def __init__(self, task: Task, queues: Sequence[tuple[int, bool]], length: int) -> None:
        """*task* without its queues; *queues*: number and whether it fails closed; *length*:
        packets that may wait in each. Raises OSError where a queue cannot be bound.
        """
        bound = [Queue(number, length=length, fail_open=not shut) for number, shut in queues]
        try:
            opened = tuple(Opened(each.number, each.fileno(), each.closed) for each in bound)
            self._inbox = Inbox(messages.reports)
            self._socket, theirs = socket.socketpair()
            limit = struct.pack("ll", TELL_LIMIT, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            passed = (theirs.fileno(), task.beats, *(each.fd for each in opened))
            with theirs:
                self._process = process.start("enforce.worker", theirs.fileno(), fds=passed)
        finally:
            for each in bound:  # only the process has them now: they end with it
                each.close()
        self.figures = Figures(number=0)
        self.answered = 0
        """The newest question that was answered."""
        self.ready = self.done = False
        self.sent = 0
        """Packets that were sent for it."""
        self._heard = time.monotonic()
        self._asked = 0
        self.tell(msgspec.structs.replace(task, queues=opened))

    def fileno(self) -> int:
        """Return the socket, to wait on."""
        return self._socket.fileno()

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid

    def tell(self, command: Command) -> None:
        """Send a command. Raises Lost."""
        try:
            self._socket.sendall(messages.packed(command))
        except OSError as error:
            raise Lost(f"it takes no command: {reason(error)}") from None

    def hear(self) -> Iterator[Report]:
        """Yield what it has said; never waits. Raises Lost."""
        while True:
            try:
                data = self._socket.recv(READ, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                raise Lost(self._end())
            self._heard = time.monotonic()
            try:
                for report in self._inbox.feed(data):
                    if isinstance(report, Figures):
                        self.figures, self.ready = report, True
                        self.answered = report.number or self.answered
                    elif isinstance(report, Done):
                        self.done = True
                    yield report
            except Broken as error:
                raise Lost(f"it said what cannot be: {error}") from None

    def ask(self) -> int:
        """Ask for figures; return the number that they will bear. Raises Lost."""
        self._asked += 1
        self.tell(messages.Ask(self._asked))
        return self._asked

    def look(self) -> None:
        """Raise Lost where it has not said anything for too long."""
        limit = SILENCE if self.ready else START_LIMIT
        if time.monotonic() - self._heard > limit:
            raise Lost(f"it said nothing for {limit:.0f} seconds")

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._socket.close()

    def _end(self) -> str:
        """Say how the process ended."""
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "it closed its socket"
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def heartbeat() -> tuple[int, int]:
    """Return a pipe for beats: where they are read, and where they are written."""
    beats = os.pipe()
    for end in beats:
        os.set_blocking(end, False)
    return beats
