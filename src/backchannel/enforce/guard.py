"""The guard: rules in the kernel, an inspector for its queue, and everything that needs rights.

Guard(...)   opens queues, starts the inspecting process, loads rules, starts the watchdog
run()        hears the inspector, answers on the control socket, reloads
close()      removes the rules

Packets never wait for this process: the inspector answers for them, and the watchdog changes rules.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Self

import msgspec

from backchannel import notify
from backchannel.enforce import bridge, connections, figures, inject, kernel, messages, ruleset
from backchannel.enforce.control import Control
from backchannel.enforce.hold import HUNG, STALLED
from backchannel.enforce.interfaces import Interfaces
from backchannel.enforce.law import MILDNESS, Law, bounded
from backchannel.enforce.marks import Marks
from backchannel.enforce.messages import Knowledge, Report, Seen
from backchannel.enforce.nfqueue import Queue
from backchannel.enforce.outlets import Routed, raw_sockets
from backchannel.enforce.record import Refusal
from backchannel.enforce.remote import Lost, Remote, heartbeat
from backchannel.enforce.revision import Revision
from backchannel.enforce.status import Status, of
from backchannel.enforce.upkeep import Upkeep
from backchannel.enforce.watchdog import Watchdog, hurry
from backchannel.errors import UsageError
from backchannel.process import Deaths
from backchannel.remark import remark
from backchannel.report.words import count

STANDING = 16_384
"""UDP connections that stood before the guard and are remembered as such."""
TURN = 0.05
"""Seconds that the loop waits at most."""
ANSWER = 0.5
"""Seconds that the inspector has to tell its figures."""
LAST_WORDS = 3.0
AGAIN, LONGEST = 0.5, 30.0
"""Seconds before an inspector that died young is replaced, doubled each time, and the most."""
YOUNG = 60.0


Tell = Callable[[Refusal, Sequence[Seen]], object]
"""Takes what was refused, and what was seen of its conversation."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is not in the policy."""

    hooks: tuple[ruleset.Hook, ...] = ("forward",)
    queue: int = 0
    length: int = 4096
    """Packets that may wait in the kernel."""
    marks: Marks = Marks()
    control: Path | None = None
    patience: int = 8
    """Payloads of a flow that are looked at before nobody wants it."""
    max_flows: int = 1 << 18
    memory: int = 0
    """Bytes of packets kept for evidence; 0: none is wanted."""


class Guard:
    """One guard in one network namespace."""

    def __init__(
        self,
        load: Callable[[], Knowledge],
        options: Options,
        tell: Tell = lambda *_: None,
    ) -> None:
        """*load* reads the policy and all that it needs; it is called again at each reload.

        Raises UsageError, InputError and OSError; then nothing is left behind.
        """
        kernel.check()
        self.warnings = bridge.check()
        self._load, self.options, self._tell = load, options, tell
        self.undelivered: Callable[[], dict[str, int]] = dict
        """Says what has not got where it should of what was told, by name."""
        self.known = self._read()
        self.reloads, self.trouble = 0, ""
        self.inspectors = figures.Sum()
        self._stopping = self._reloading = False
        self._spare_empty = kernel.sees_payload()
        self._deaths = Deaths(YOUNG)
        self._due = 0.0
        self._slow = 0
        """Times that the inspector met a bound because one of our processes had stopped."""
        self._open()

    def _read(self) -> Knowledge:
        """Return what packets are to be judged by, as it is enforced."""
        known = self._load()
        return msgspec.structs.replace(known, rules=bounded(known.rules, known.limit))

    # -- the beginning ---------------------------------------------------------------------------

    def _open(self) -> None:
        options = self.options
        self._beats = heartbeat()
        self._outlet, self._interfaces = Routed(*raw_sockets()), Interfaces()
        self.upkeep = Upkeep(time.monotonic())
        self.remote: Remote | None = None
        self.control: Control | None = None
        self._sign: Queue | None = None
        hurry()
        ours = False
        try:
            self._sign = kernel.alone()
            kernel.free(options.queue)
            self.control = Control(options.control, self._answers()) if options.control else None
            self._forget_verdicts()
            self._standing = tuple(islice(connections.standing(), STANDING))
            self._revision = Revision(options.marks)
            self.remote = self._start(fresh=True)
            self._await()
            texts = self._texts(self.known)
            ours = True
            kernel.load(texts)
            self.watchdog = Watchdog(texts, self._beats[0])
        except BaseException:
            if self.remote is not None:
                self.remote.kill()
            if ours:  # else they are another guard's
                kernel.remove()
            self._close_sockets()
            raise

    def _start(self, *, fresh: bool) -> Remote:
        """Bind the queues, and start who judges their packets."""
        options, number = self.options, self.options.queue
        task = messages.Task(
            known=self.known,
            queues=(),
            beats=self._beats[1],
            marks=options.marks,
            patience=options.patience,
            max_flows=options.max_flows,
            memory=options.memory,
            interfaces=self._interfaces.names(),
            standing=self._standing if fresh else (),
            fresh=fresh,
        )
        return Remote(task, [(number, False), (number + 1, True)], options.length)

    def _await(self) -> None:
        """Wait until the inspector has loaded everything."""
        assert self.remote is not None
        try:
            while not self.remote.ready:
                select.select([self.remote], [], [], 1.0)
                self.remote.look()
                self._listen(self.remote)
        except Lost as error:
            raise UsageError(f"the inspecting process did not start: {error}") from None

    def _texts(self, known: Knowledge) -> kernel.Texts:
        options = self.options
        return kernel.texts(
            ruleset.Plan(
                rules=known.rules,
                hooks=options.hooks,
                queue=options.queue,
                marks=options.marks,
                spare_empty=self._spare_empty,
            )
        )

    # -- running ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Go on until `stop` is called."""
        service = notify.Service()
        service.ready(f"guarding by {self.known.rules.name}")
        while not self._stopping:
            service.alive()
            self.turn()
        service.stopping()

    def turn(self) -> None:
        """Do what there is to do, and wait a moment for more."""
        now = time.monotonic()
        self.watchdog.tend(now)
        if self._reloading:
            self._reloading = False
            self.reload()
        if self.remote is None and now >= self._due:
            self._replace()
        self.upkeep.look(now, self.watchdog)
        sources = [each for each in (self.remote, self.control, self._interfaces) if each]
        ready, _, _ = select.select([*sources, self.upkeep], [], [], TURN)
        self._hear()
        if self.control in ready and self.control is not None:
            self.control.serve()
        if self._interfaces in ready and self._interfaces.changed():
            self._order(messages.Interfaces(self._interfaces.names()))
        if self.upkeep in ready:
            self.upkeep.hear(now)

    def stop(self, *_: int | FrameType | None) -> None:
        """Leave `run` soon; may be a signal's handler."""
        self._stopping = True

    def obey_signals(self) -> None:
        """Leave in order at SIGTERM and SIGINT; read the policy again at SIGHUP."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        signal.signal(signal.SIGHUP, self._hung_up)

    def _hung_up(self, *_: int | FrameType | None) -> None:
        self._reloading = True

    # -- the inspector ---------------------------------------------------------------------------

    def _hear(self) -> None:
        """Take what the inspector says, if it is there."""
        if (remote := self.remote) is None:
            return
        try:
            self._listen(remote)
            remote.look()
        except Lost as error:
            self._lost(str(error))

    def _listen(self, remote: Remote) -> None:
        """Take what *remote* says. Raises Lost."""
        sent = remote.sent
        for report in remote.hear():
            self._take(remote, report)
        if remote.sent > sent:
            remote.tell(messages.Sent(remote.sent))

    def _take(self, remote: Remote, report: Report) -> None:
        match report:
            case messages.Figures():
                self._own_up(report.counters.get(HUNG, 0) + report.counters.get(STALLED, 0))
            case messages.Told():
                self._tell(report.refusal, report.packets)
            case messages.Send():
                if inject.bare(report.packet):  # nothing else may be asked for
                    self._outlet.send(report.packet)
                remote.sent += 1
            case messages.Revised():
                self._answer(remote, self._revision.changed(report))
            case messages.Turned():
                self._answer(remote, self._revision.begin())
            case _:
                return

    def _own_up(self, slow: int) -> None:
        """Say where packets were let go, or dropped, because we were too slow."""
        if slow > self._slow:
            them = count(slow - self._slow, "sender")
            remark(
                f"it was too slow for {them}; their packets pass or are held up as on-failure says"
            )
        self._slow = slow

    @staticmethod
    def _answer(remote: Remote, command: messages.Command | None) -> None:
        """Tell the inspector what follows from its word, if anything. Raises Lost."""
        if command is not None:
            remote.tell(command)

    def _order(self, command: messages.Command) -> None:
        """Tell the inspector something, if it is there."""
        if self.remote is None:
            return
        try:
            self.remote.tell(command)
        except Lost as error:
            self._lost(str(error))

    def _lost(self, why: str) -> None:
        """The inspector is gone: nobody guards, the kernel does what the policy says for that."""
        assert self.remote is not None
        self.watchdog.fail()
        self.inspectors.add(self.remote.figures)
        self.remote.kill()
        self.remote, self._slow = None, 0
        self._revision.drop()
        young = self._deaths.another() - 1
        self._due = time.monotonic() + (min(LONGEST, AGAIN * 2 ** (young - 1)) if young else 0)
        remark(f"the inspecting process was lost ({why}); it is being restarted")

    def _replace(self) -> None:
        """Start another inspector; when its heart beats the watchdog loads the rules again. It is
        shown the connections that the one before did not come to after a reload.
        """
        try:
            self.remote = self._start(fresh=False)
            if self._revision.due:
                self._answer(self.remote, self._revision.begin())
        except (OSError, Lost) as error:
            self._due = time.monotonic() + LONGEST
            remark(f"the inspecting process could not be started: {error}")

    # -- reload ----------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the policy again. What is wrong changes nothing, and is told."""
        try:
            known = self._read()
            self.watchdog.load(self._texts(known))
        except (ValueError, OSError) as error:
            self.trouble = str(error)
            remark(f"not reloaded, the old policy stays in force:\n{error}")
            return
        self.known, self.trouble = known, ""
        self.reloads += 1
        self._revision.due = True
        self._order(messages.Reload(known))
        remark(f"reloaded: {known.rules.path}, {count(len(known.rules.lines), 'line')}")
        self.tell_mildness()

    def tell_mildness(self) -> None:
        """Tell where the policy refuses nothing, which nobody would notice."""
        if Law(self.known.rules, {}).mild:
            remark(f"it {MILDNESS}")

    # -- questions -------------------------------------------------------------------------------

    def status(self) -> Status:
        """Return how it stands."""
        current = False
        if self.remote is not None and self.remote.ready:
            try:
                asked, until = self.remote.ask(), time.monotonic() + ANSWER
                while self.remote.answered != asked and time.monotonic() < until:
                    select.select([self.remote], [], [], ANSWER)
                    self._listen(self.remote)
                current = self.remote.answered == asked
            except Lost as error:
                self._lost(str(error))
        return of(self, current=current)

    def _answers(self) -> dict[str, Callable[[], object]]:
        return {"status": self.status, "reload": self._asked_to_reload}

    def _asked_to_reload(self) -> dict[str, object]:
        self.reload()
        self.status()  # the inspector answers only after it has taken the new policy
        return {"reloaded": not self.trouble, "trouble": self.trouble}

    # -- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Take the rules away and leave the queues."""
        self.watchdog.stop()
        kernel.remove()
        self._dismiss()
        self._forget_verdicts()
        self._close_sockets()

    def _dismiss(self) -> None:
        """Let the inspector say everything that is left."""
        self._order(messages.Stop())
        until = time.monotonic() + LAST_WORDS
        while self.remote is not None and not self.remote.done and time.monotonic() < until:
            select.select([self.remote], [], [], TURN)
            try:
                self._listen(self.remote)
            except Lost:
                break
        if self.remote is not None:
            self.remote.kill()

    def _forget_verdicts(self) -> None:
        """Take our bits out of the marks of all connections."""
        connections.clear(self.options.marks.mask | self.options.marks.closed)

    def _close_sockets(self) -> None:
        for end in self._beats:
            os.close(end)
        self._outlet.close()
        self._interfaces.close()
        self.upkeep.close()
        if self._sign is not None:
            self._sign.close()
        if self.control is not None:
            self.control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or not issubclass(kind, Exception):
            self.close()
        elif self.remote is not None:  # a fault of ours: the watchdog does what is to be done then
            self.remote.kill()
