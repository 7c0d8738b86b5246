"""The parsing processes of a watch, as seen from the other half: started, heard, told, replaced."""

import contextlib
import os
import selectors
import socket
import subprocess
from collections.abc import Callable, Sequence
from itertools import chain

import msgspec

from backchannel import process
from backchannel.errors import reason
from backchannel.live import framing, messages
from backchannel.live.companion import Companion
from backchannel.live.messages import Command, Report, Task
from backchannel.live.sockets import Capture, Opened, attach, is_up, open_captures

WORKER = "live.worker"
FATAL, MINUTE = 5, 60
"""Processes of which so many may die within so many seconds before they are given up."""
SILENT = 15
"""Seconds without a word, of a process that says how it is each second, after which it is ended.
So many that processes which hang one after the other are not FATAL.
"""


class Member:
    """One parsing process."""

    def __init__(
        self, number: int, task: Task, module: str = WORKER, fds: Sequence[int] = ()
    ) -> None:
        self.number, self.task = number, task
        self.ready = self.done = False
        self.silent = 0
        """Seconds for which it has said nothing."""
        self._inbox = messages.Inbox("report")
        self.socket, theirs = socket.socketpair()
        self._arrivals, arriving = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ends = theirs.fileno(), arriving.fileno()
        captures = (each.fd for each in task.captures)
        with theirs, arriving:
            self.process = process.start(module, *ends, fds=(*ends, *captures, *fds))
        self.tell(task)

    def tell(self, command: Command) -> None:
        """Send a command; a dead process is noticed elsewhere."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            messages.send(self.socket, command)

    def hear(self) -> list[Report]:
        """Return the messages that have come. Raises EOFError when the process is gone, and
        framing.Broken.
        """
        try:
            data = self.socket.recv(framing.READ)
        except ConnectionResetError:
            data = b""
        if not data:
            raise EOFError
        return list(self._inbox.feed(data))

    def hand(self, made: Opened) -> None:
        """Give the process a socket of an interface that is back."""
        with contextlib.suppress(OSError):
            messages.hand_over(self._arrivals, made)

    def close(self) -> int:
        """Let go of the process, which is at its end or must be; return its exit code."""
        self.socket.close()
        self._arrivals.close()
        try:
            return self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Crew:
    """All parsing processes. A dead one is replaced, on the same sockets; its flows are lost."""

    def __init__(
        self,
        captures: Sequence[Capture],
        task: Task,
        workers: int = 1,
        *,
        companion: Companion | None = None,
    ) -> None:
        """Open the sockets of *captures* and start the processes on *task*.

        With a *companion* its module is run, with its half of it inside.

        Raises UsageError, PrivilegeError and OSError, and leaves no process running then.
        """
        self._captures = {each.interface: each for each in captures}
        self._workers, self._companion = workers, companion
        opened = open_all(captures, workers)
        self._held = [list(row) for row in zip(*opened, strict=True)]
        self.notices: list[str] = []
        """What a person should know; whoever shows it takes it away."""
        self.up = dict.fromkeys(self._captures, True)
        """Whether packets can come from an interface."""
        self._gone: set[str] = set()
        self._selector = selectors.DefaultSelector()
        self.failed = False
        """There is no use in going on."""
        self._deaths = process.Deaths(MINUTE)
        self._task = task
        self.members: list[Member] = []
        try:
            self.members.extend(self._start(number) for number in range(workers))
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        """Descriptor that is readable when somebody has said something."""
        return self._selector.fileno()

    def hear(self, take: Callable[[int, Report], None]) -> None:
        """Give *take* everything that has come, with its parser's number; never waits.

        *take* raises framing.Broken for what cannot be: whoever said that is ended and replaced.
        """
        for key, _ in self._selector.select(0):
            member: Member = key.data
            try:
                for report in member.hear():
                    self._note(member, report)
                    take(member.number, report)
            except EOFError:
                self._lost(member, "")
            except framing.Broken as error:
                member.process.kill()
                self._lost(member, f"it said what cannot be: {error}")

    def tell(self, command: Command) -> None:
        """Send a command to all."""
        if isinstance(command, messages.Reload):
            self._task = msgspec.structs.replace(
                self._task,
                index=command.index,
                everything=command.everything,
                read=command.read,
            )
        for member in self.members:
            if not member.done:
                member.tell(command)

    def filter(self, captures: Sequence[Capture]) -> None:
        """Keep other packets from now on, on sockets that are open and that will be."""
        for each in captures:
            held = [made for row in self._held for made in row if made.interface == each.interface]
            attach(each, held)
            self._captures[each.interface] = each

    def look(self) -> None:
        """See which interfaces are up, open those again that were gone, and end processes that
        hang; call each second.
        """
        for member in self.members:
            member.silent += member.ready
            if member.silent == SILENT:
                self.notices.append(f"parser {member.number} hangs: nothing for {SILENT} seconds")
                member.process.kill()  # which is noticed as its death
        for name in self._captures:
            up = is_up(name)
            if up and name in self._gone:
                up = self._reopen(name)
            if up != self.up[name]:
                self.up[name] = up
                told = "is up again" if up else "is down: no packets come from it until it is up"
                self.notices.append(f"interface {name} {told}")

    @property
    def ready(self) -> bool:
        """Whether every process has loaded what it needs; until then packets wait in the rings."""
        return all(member.ready for member in self.members)

    @property
    def finished(self) -> bool:
        """Whether every process has said its last."""
        return all(member.done for member in self.members)

    def close(self) -> None:
        """Let go of everything."""
        for member in self.members:
            member.close()
        for made in chain.from_iterable(self._held):
            os.close(made.fd)
        self._selector.close()

    # -- inside --------------------------------------------------------------------------------

    def _note(self, member: Member, report: Report) -> None:
        member.ready, member.silent = True, 0
        if isinstance(report, messages.Gone):
            self._gone.add(report.interface)
        elif isinstance(report, messages.Done):
            member.done = True

    def _start(self, number: int) -> Member:
        task = msgspec.structs.replace(self._task, captures=tuple(self._held[number]))
        if (companion := self._companion) is not None:
            task = msgspec.structs.replace(task, orders=companion.orders())
            member = Member(number, task, companion.module, companion.fds)
        else:
            member = Member(number, task)
        self._selector.register(member.socket, selectors.EVENT_READ, member)
        return member

    def _lost(self, member: Member, why: str) -> None:
        """A process ended. Unless it was at its end, another one takes its place."""
        self._selector.unregister(member.socket)
        code = member.close()
        if member.done:
            return
        told = why or (f"signal {-code}" if code < 0 else f"exit code {code}")
        lost = f"parser {member.number} died ({told}); its flows are lost"
        if self._deaths.another() >= FATAL:
            self.failed = member.done = True
            self.notices += [lost, f"{FATAL} parsers died within a minute: the watch ends"]
            return
        try:
            self.members[member.number] = self._start(member.number)
        except OSError as error:
            self.failed = member.done = True
            told = f"parser {member.number} cannot be started again: {reason(error)}"
            self.notices += [lost, f"{told}; the watch ends"]
        else:
            self.notices.append(f"{lost}, and another takes its place")

    def _reopen(self, name: str) -> bool:
        """Open an interface that is back, and hand its sockets to the processes."""
        try:
            fresh = open_captures(self._captures[name], self._workers)
        except (ValueError, OSError) as error:
            told = f"interface {name} is back, but cannot be opened: {error}"
            if told not in self.notices:
                self.notices.append(told)
            return False
        self._gone.discard(name)
        for member, made, row in zip(self.members, fresh, self._held, strict=True):
            member.hand(made)
            for place, old in enumerate(row):
                if old.interface == name:
                    os.close(old.fd)
                    row[place] = made
        return True


def open_all(captures: Sequence[Capture], workers: int) -> list[list[Opened]]:
    """Open the sockets of all *captures*; close them again where one cannot be opened."""
    opened: list[list[Opened]] = []
    try:
        opened.extend(open_captures(capture, workers) for capture in captures)
    except (ValueError, OSError):
        for made in chain.from_iterable(opened):
            os.close(made.fd)
        raise
    return opened
