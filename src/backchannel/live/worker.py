"""The parsing process: packet rings in, messages out on one socket. It opens no file and no socket.

usage: python -m backchannel.live.worker COMMANDS ARRIVALS

*COMMANDS* is the descriptor of a stream socket for messages both ways; over *ARRIVALS* come sockets
of interfaces that were gone and are back. The sockets named in the task are inherited.

The order is the contract that sandboxing rests on: first the task is read, then `confine` is
called, and only then is the first packet looked at.
"""

import gc
import select
import signal
import socket
import sys
import time
from collections.abc import Callable

from backchannel import confine as confinement
from backchannel.confine.imports import load_everything
from backchannel.detect.kinds import event_types
from backchannel.live import framing, messages, sockets
from backchannel.live.companion import Join
from backchannel.live.messages import Command, Gone, Report, Task
from backchannel.live.parser import Parser
from backchannel.live.source import Source, Sources

GARBAGE = 500_000
"""Objects after which Python looks for cycles, as in a scan."""
TURN = 8
"""Blocks of one ring that are read before the others and the commands get their turn."""
FLUSH, TICK, STATUS = 0.1, 1.0, 1.0
"""Seconds between messages of what was decoded, between looks at idle flows, between figures."""
LAG = 2_000_000_000
"""Nanoseconds for which a packet may still wait in a ring, and be older than the clock."""
UNSAID = 32 << 20
"""Bytes of messages that wait while the other half is busy; beyond it packets wait in rings."""
WAKE = 100
"""Milliseconds for which nothing may happen."""


class Worker:
    """Moves frames from the rings to the parser until it is told to stop."""

    def __init__(
        self,
        commands: socket.socket,
        arrivals: socket.socket,
        inbox: framing.Inbox,
        task: Task,
        join: Join | None = None,
    ) -> None:
        self._commands, self._inbox = commands, inbox
        self._outbox = framing.Outbox(commands)
        self._parser = Parser(task, self._tell, join)
        self._stopping = False
        self._poll = select.poll()
        self._poll.register(commands, select.POLLIN)
        self._sources = Sources(task.captures, arrivals, self._poll, self._gone)

    def run(self) -> None:
        """Work until `Stop`, or until the other half is gone; then tell everything left."""
        self._tell_status()  # which says that we are ready
        self._take(b"")  # what came with the task
        flushed = ticked = told = time.monotonic()
        while not self._stopping:
            busy = self._wait()
            busy = self._read_all() or busy
            now = time.monotonic()
            if now - flushed >= FLUSH:
                self._parser.flush()
                flushed = now
            if now - ticked >= TICK:
                if not busy:
                    self._parser.pass_time(time.time_ns() - LAG)
                ticked = now
            if now - told >= STATUS:
                self._tell_status()
                told = now
        self._finish()

    def _finish(self) -> None:
        """Read what came before the end."""
        time.sleep(sockets.HANDED_OVER)
        while self._read_all():
            pass
        self._parser.finish()
        self._tell_status()
        self._tell(self._parser.logins())
        self._tell(messages.Done())
        self._say(0)

    # -- what comes ----------------------------------------------------------------------------

    def _wait(self) -> bool:
        """Wait for packets or commands; return whether there were any."""
        unsaid = select.POLLOUT if self._outbox.size else 0
        self._poll.modify(self._commands, select.POLLIN | unsaid)
        ready = self._poll.poll(WAKE)
        for fd, what in ready:
            if fd == self._commands.fileno():
                if what & ~select.POLLOUT:
                    self._hear()
                self._say()
            else:
                self._sources.hear(fd, what)
        return bool(ready)

    def _read_all(self) -> bool:
        """Read some blocks of every ring; return whether there were any."""
        read = False
        for source in self._sources:
            ring = source.ring
            for _ in range(TURN):
                chunk = ring.next() if ring is not None else None
                if ring is None or chunk is None:
                    break
                self._parser.read(chunk)
                ring.release()
                read = True
        return read

    def _hear(self) -> None:
        """Take commands. The end of the connection is a command to stop."""
        try:
            data = self._commands.recv(framing.READ)
        except ConnectionResetError:  # it went without having heard all that we said
            data = b""
        if not data:
            self._stopping = True
        self._take(data)

    def _take(self, data: bytes) -> None:
        for command in self._inbox.feed(data):
            self._obey(command)

    def _obey(self, command: Command) -> None:
        if isinstance(command, messages.Stop):
            self._stopping = True
        elif isinstance(command, messages.Reload):
            self._parser.reload(command)
        elif isinstance(command, messages.Orders):
            self._parser.obey(command)
        elif isinstance(command, messages.Ask):
            self._parser.flush()
            self._tell(self._parser.logins())

    # -- what is told --------------------------------------------------------------------------

    def _gone(self, source: Source) -> None:
        """Ask the other half for a new socket."""
        self._tell(Gone(source.name))

    def _tell(self, report: Report) -> None:
        self._outbox.put(messages.packed(report))
        self._say(UNSAID)

    def _say(self, leave: int | None = None) -> None:
        """Send what the other half takes now, and wait until no more than *leave* bytes wait."""
        try:
            self._outbox.push()
            while leave is not None and self._outbox.size > leave:
                self._outbox.wait()
        except (BrokenPipeError, ConnectionResetError):  # nobody listens any more
            self._stopping = True
            self._outbox.clear()

    def _tell_status(self) -> None:
        kernel: dict[str, tuple[int, int]] = {}
        for source in self._sources:
            source.count()
            kernel[source.name] = source.packets, source.drops
        self._parser.tell_flows()
        self._tell(self._parser.status(kernel))
        if (beside := self._parser.beside()) is not None:
            self._tell(beside)


def confine() -> None:
    """Give up everything that parsing does not need. Called before the first packet is read."""
    confinement.confine()


def main(
    arguments: list[str], confine: Callable[[], None] = confine, join: Join | None = None
) -> int:
    """Run the worker on the descriptors that *arguments* name, with what *join* makes in it."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):  # the other half decides
        signal.signal(number, signal.SIG_IGN)
    commands = socket.socket(fileno=int(arguments[0]))
    arrivals = socket.socket(fileno=int(arguments[1]))
    inbox = messages.Inbox("command")
    try:
        task = framing.first(commands.recv, inbox)
    except EOFError:
        return 0
    if not isinstance(task, Task):
        raise SystemExit("backchannel.live.worker: the first message must be a task")
    gc.set_threshold(GARBAGE)
    worker = Worker(commands, arrivals, inbox, task, join)
    event_types()
    load_everything()
    confine()
    gc.freeze()
    worker.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
