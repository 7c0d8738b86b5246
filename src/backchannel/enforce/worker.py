"""The inspecting process: packets in, verdicts out, on sockets that it inherits.

usage: python -m backchannel.enforce.worker CHANNEL

*CHANNEL* is the descriptor of a stream socket for messages to and from the guard. The first one is
the task; then the process gives up everything but CAP_NET_ADMIN, without which the kernel takes no
verdict, and only then it looks at its first packet. It never waits for the guard.
"""

import gc
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from datetime import datetime

from backchannel import confine
from backchannel.confine import seccomp
from backchannel.confine.imports import load_everything
from backchannel.enforce import messages
from backchannel.enforce.inspector import Inspector
from backchannel.enforce.messages import Command, Interfaces, Report, Sent, Task, Told
from backchannel.enforce.nfqueue import Queue
from backchannel.enforce.record import Refusal
from backchannel.live import framing

GARBAGE = 50_000
"""Objects after which Python looks for cycles, as in a scan."""
NET_ADMIN = 1 << 12
"""The kernel asks it of whoever sends a verdict (nfnetlink_rcv: netlink_net_capable)."""
BEAT = 0.1
"""Seconds between beats of the heart."""
HELD = 0.004
"""Seconds between looks at packets that wait for others."""
FIGURES = 1.0
UNSAID = 16 << 20
"""Bytes of messages that wait while the guard does not listen; further ones are lost, counted."""
LAST = 2.0
"""Seconds for which it goes on to say what is left."""
NAME_WAIT = 0.03
"""Seconds that a packet waits for the name of an interface that is new."""


class Worker:
    """Turns until it is told to stop, or nobody is there to tell it."""

    def __init__(self, channel: socket.socket, inbox: framing.Inbox, task: Task) -> None:
        self._channel, self._inbox, self._beats = channel, inbox, task.beats
        self._commands: deque[Command] = deque()
        self._names, self._nameless = task.interfaces, dict[int, float]()
        self._unsaid = framing.Outbox(channel)
        self._stopping = False
        self._beaten = self._told = 0.0
        self._asked = 0
        self._confined = ""
        self.inspector = Inspector(
            task.known,
            [Queue(each.number, fail_open=not each.closed, handle=each.fd) for each in task.queues],
            marks=task.marks,
            patience=task.patience,
            max_flows=task.max_flows,
            standing=frozenset(task.standing),
            memory=task.memory,
            injector=self,
            interface=self._interface,
            tell=self._refused,
        )
        if not task.fresh:  # what was decided before is not known here
            self.inspector.judge.memory.forgotten += 1
        for fd in (channel.fileno(), self._beats):
            os.set_blocking(fd, False)

    def run(self, confined: str) -> None:
        """Judge packets. *confined*: what took hold of the process."""
        self._confined = confined
        inspector, channel = self.inspector, self._channel.fileno()
        waiting = select.poll()
        for queue in inspector.queues:
            waiting.register(queue.fileno(), select.POLLIN)
        waiting.register(channel, select.POLLIN)
        self._take(b"")  # what came with the task
        self._say(inspector.figures(0, confined))
        while not self._stopping:
            self._beat()
            waiting.modify(channel, select.POLLIN | (select.POLLOUT if self._unsaid.size else 0))
            ready = {number for number, _ in waiting.poll(self._pause() * 1000)}
            for queue in inspector.queues:
                if queue.fileno() in ready:
                    inspector.drain(queue, self._beat)
            if channel in ready:
                self._hear()
            while self._commands:
                self._obey(self._commands.popleft())
            if inspector.tend():
                self._say(messages.Turned())
            self._flush()
        self._last_words()

    def _pause(self) -> float:
        return HELD if self.inspector.holds else BEAT / 2

    def _beat(self) -> None:
        """Show that packets are judged, and tell the figures now and then."""
        now = time.monotonic()
        if now - self._beaten >= BEAT:
            self._beaten = now
            try:
                os.write(self._beats, b".")
            except OSError:
                return  # nobody reads them now
        if now - self._told >= FIGURES:
            self._told = now
            self._say(self.inspector.figures(0, self._confined))

    # -- commands --------------------------------------------------------------------------------

    def _hear(self) -> None:
        """Take commands. The end of the connection is a command to stop."""
        try:
            data = self._channel.recv(framing.READ)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self._stopping = True
        self._take(data)

    def _take(self, data: bytes) -> None:
        for command in self._inbox.feed(data):
            if isinstance(command, Interfaces):  # a packet may be waiting for it
                self._names, self._nameless = command.names, {}
            elif isinstance(command, Sent):
                self.inspector.holds.left = command.packets
            else:
                self._commands.append(command)

    def _obey(self, command: Command) -> None:
        match command:
            case messages.Reload():
                self.inspector.reload(command.known)
                self._say(messages.Turned())
            case messages.Revise():
                marks = dict(self.inspector.revise(command.connections))
                self._say(messages.Revised(command.number, marks))
            case messages.Ask():
                self._say(self.inspector.figures(command.number, self._confined))
            case messages.Stop():
                self._stopping = True
            case _:
                return

    def _interface(self, number: int) -> str:
        """Return an interface's name; empty for none, and for one that nobody can name."""
        if not number or number in self._names:
            return self._names.get(number, "")
        now = time.monotonic()
        if now - self._nameless.get(number, 0.0) > FIGURES:
            self._nameless = {number: now}
            if select.select([self._channel], [], [], NAME_WAIT)[0]:
                self._hear()
        return self._names.get(number, "")

    # -- reports ---------------------------------------------------------------------------------

    def _refused(self, refusal: Refusal) -> None:
        recent, packets = self.inspector.recent, list[messages.Seen]()
        if recent is not None and self._unsaid.size < UNSAID // 4:
            packets = recent.packets(refusal.flow, messages.MOST_BYTES)[-messages.MOST :]
        elif recent is not None:
            self.inspector.book.count("refusals without evidence: too many at once")
        self._say(Told(refusal, tuple(packets)))

    def send(self, packet: bytes) -> int:
        """Have the guard send a packet; return how many it was asked to send, 0 where it cannot."""
        if not self._say(messages.Send(packet)):
            return 0
        self._asked += 1
        return self._asked

    def _say(self, report: Report) -> bool:
        """Say something soon; False: too much waits already."""
        if self._unsaid.size > UNSAID:
            self.inspector.book.count("messages lost: the guard did not listen")
            return False
        self._unsaid.put(messages.packed(report))
        return True

    def _flush(self) -> None:
        """Send what the socket takes now."""
        try:
            self._unsaid.push()
        except OSError:
            self._stopping = True
            self._unsaid.clear()

    def _last_words(self) -> None:
        """Say everything that is left, as far as somebody listens."""
        self._say(self.inspector.figures(0, self._confined))
        self._say(messages.Done())
        until = time.monotonic() + LAST
        while self._unsaid.size and (wait := until - time.monotonic()) > 0:
            select.select([], [self._channel], [], wait)
            self._flush()


def main(arguments: list[str]) -> int:
    """Judge packets by what comes on the socket that *arguments* name."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):  # the guard decides
        signal.signal(number, signal.SIG_IGN)
    gc.set_threshold(GARBAGE)
    channel = socket.socket(fileno=int(arguments[0]))
    inbox = framing.Inbox(messages.commands)
    try:
        task = framing.first(channel.recv, inbox)
    except EOFError:
        return 0
    if not isinstance(task, Task):
        raise SystemExit("backchannel.enforce.worker: the first message must be a task")
    worker = Worker(channel, inbox, task)
    load_everything()
    datetime.now()  # noqa: DTZ005 - reads the time zone while files can be opened
    done = confine.confine(seccomp.JUDGE, keep=NET_ADMIN)
    gc.freeze()
    worker.run(str(done))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
