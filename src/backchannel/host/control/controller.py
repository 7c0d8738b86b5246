"""Answers the kernel: who runs a program waits until it is judged.

What is known is answered at once, and while something large is looked at, too. What nobody knows is
looked at in turn by user, so that one who runs large programs without end keeps no other waiting.

The judging process starts no other while the kernel asks it: it would wait for its own answer. So
the warden is started before, and when that is gone the marks are taken away until there is one.
"""

import os
import select
import signal
import subprocess
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec

from backchannel import process
from backchannel.host import diag, processes
from backchannel.host.control import cut, warden
from backchannel.host.control.document import Mode
from backchannel.host.control.fanotify import Asked, Group
from backchannel.host.control.judge import Judge, Reason, Verdict
from backchannel.host.control.trust import Entry
from backchannel.host.descriptors import make_room
from backchannel.host.root import LARGEST, LEAST, Digests, digests, plain
from backchannel.host.turns import Turns
from backchannel.when import rfc3339

HASTE = -10
"""The priority of who answers, and of the warden."""
BEAT = 0.5
"""Seconds between two signs of life at most."""
REMEMBERED = 8192
"""Verdicts that are remembered, each for one state of one file."""
SETTLED = 1_000_000_000
"""Nanoseconds since a file's last change before which its verdict is not remembered: within one
tick of the kernel's clock it may change again without a sign."""
STRANGER = 64 << 20
"""Bytes of a program that neither store nor package knows, up to which it is hashed: others wait
meanwhile."""
WAITING, FILES, SPARE = 16_384, 20_000, 128
"""Programs of which nobody knows that may wait at once, descriptors that this may need, and those
of them that are for everything else.
"""
NOTHING = Digests("", "", 0, b"")
"""The content of what is too large to be looked at: nothing that anybody trusts."""
FAILED = "failures while answering"
ACTIONS = {
    "deny": {"deny": "denied", "alert": "would-deny"},
    "cut": {"deny": "cut", "alert": "would-cut"},
    "allow": {"deny": "altered", "alert": "altered"},
}
"""What a verdict is called in the log, by the mode."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One program that was refused, or would have been, or is not what it should be."""

    time: str
    action: str
    """`denied`, `cut`; `would-deny`, `would-cut` where the mode goes no further; `altered` for one
    that runs all the same, because a rule says so or it is never denied."""
    reason: Reason
    rule: str
    path: str
    sha256: str
    package: str
    pid: int
    """Who was about to run it."""
    uid: int
    by: str
    """The program of that process."""


class Told(NamedTuple):
    """A verdict, with the checksum that it is of."""

    verdict: Verdict
    sha256: str


class Controller:
    """Asks the judge, and answers. Raises PrivilegeError and UsageError where it cannot."""

    def __init__(
        self,
        judge: Judge,
        mode: Mode,
        folders: Sequence[str],
        *,
        tell: Callable[[Refusal], object],
        learn: Callable[[Entry], object],
        limit: float = warden.LIMIT,
        cuts: bool = False,
        again: Callable[[], Judge | None] = lambda: None,
    ) -> None:
        """*tell* hears of refusals, *learn* of programs that came by a package since. *cuts*: the
        policy cuts programs off the network. *again* reads policy and store anew; None where that
        cannot be done.
        """
        self._judge, self._mode, self._folders = judge, mode, folders
        self._tell, self._learn, self._limit = tell, learn, limit
        self._known = OrderedDict[tuple[object, ...], Told]()
        self._waiting = Turns[Asked]()
        self.counts = Counter[str]()
        """Answers by their reasons, and what failed."""
        self.refused = 0
        """Programs that were denied, or would have been."""
        self._stopped = self._renewed = False
        self._again = again
        self._most = min(WAITING, make_room(FILES) - SPARE)
        self._group = Group()
        self._watched: subprocess.Popen[bytes] | None = None
        self._beats = -1
        self._cuts = cuts and mode == "deny"
        self._claim = cut.claim() if self._cuts else -1
        with suppress(PermissionError):  # others wait for it, however busy the machine is
            os.setpriority(os.PRIO_PROCESS, 0, HASTE)
        try:
            self._guard(first=True)
        except BaseException:
            self._leave()
            raise

    def _guard(self, *, first: bool = False) -> None:
        """Start a warden, then cut what is to be cut, and then have the kernel ask."""
        handle, (read, self._beats) = os.pidfd_open(os.getpid()), os.pipe()
        os.set_blocking(self._beats, False)
        try:
            words = ("cut",) if self._cuts else ()
            fds = (handle, read, self._claim) if self._cuts else (handle, read)
            self._watched = process.start(
                "host.control.warden", handle, read, self._limit, *words, fds=fds
            )
        finally:
            os.close(handle)
            os.close(read)
        if first and self._cuts:
            cut.begin()
            self._cut_running()
        for folder in self._folders:
            self._group.mark(folder)

    def stop(self) -> None:
        """Let `run` end soon; for a signal's handler."""
        self._stopped = True

    def renew(self) -> None:
        """Ask for another judge soon; for a signal's handler."""
        self._renewed = True

    def run(self, until: float = float("inf")) -> None:
        """Answer until stopped, or until this moment of the monotonic clock; then ask no more."""
        try:
            while not self._stopped and time.monotonic() < until:
                self._beat()
                select.select([self._group.handle], [], [], 0 if self._waiting else BEAT)
                self._answer_known()
                if (found := self._waiting.next()) is not None:
                    self._answer_stranger(*found)
                if self._watched is not None and self._watched.poll() is not None:
                    self._replace()
                if self._renewed:
                    self._renew()
        finally:
            self._leave()

    def _leave(self) -> None:
        """Ask no more, and wait until the warden has cleaned up."""
        self._group.close()
        while (found := self._waiting.next()) is not None:
            os.close(found[1].handle)
        if self._beats >= 0:
            os.close(self._beats)
        if self._claim >= 0:
            os.close(self._claim)
        if self._watched is not None:
            self._watched.wait()

    def _renew(self) -> None:
        """Judge by another policy from now on, unless it cannot be read."""
        self._renewed = False
        judge = self._again()
        if judge is not None:
            self._judge = judge
            self._known.clear()

    def _answer_known(self) -> None:
        """Answer what can be answered soon; the rest waits."""
        if len(self._waiting) >= self._most:
            return
        for asked in self._group.read():
            self._beat()
            if self._is_known(asked):
                self._answer(asked)
            else:
                self._waiting.add(_user(asked), asked)

    def _answer_stranger(self, user: int, asked: Asked) -> None:
        """Answer for a program that nobody knows; others need not wait for it."""

        def meanwhile() -> None:
            self._beat()
            self._answer_known()

        with suppress(OSError):
            self._waiting.spend(user, max(os.fstat(asked.handle).st_size, LEAST))
        self._answer(asked, meanwhile)
        self._beat()

    def _is_known(self, asked: Asked) -> bool:
        """Say whether a program was judged before, or is one that store or package know here: what
        has a known path in mounts of its own may be anything.
        """
        try:
            path, state = _path(asked), os.fstat(asked.handle)
            if _key(path, state) in self._known:
                return True
            return self._judge.knows(path) and _is_ours(asked, state)
        except OSError:
            return False

    def _beat(self) -> None:
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(self._beats, b".")

    def _replace(self) -> None:
        """Take another warden. Meanwhile programs run unasked."""
        self.counts["wardens that were replaced"] += 1
        self._group.unmark()
        while waited := list(self._group.read()):
            for asked in waited:
                self._group.answer(asked, allow=True)
        os.close(self._beats)
        self._guard()

    def _answer(self, asked: Asked, meanwhile: Callable[[], object] | None = None) -> None:
        """Judge a program and answer; whatever fails here lets it run."""
        allow = True
        try:
            told = self._verdict(asked, meanwhile or self._beat)
            self.counts[told.verdict.reason] += 1
            allow = told.verdict.action != "deny"
            if told.verdict.action == "cut" and self._cuts:
                cut.put(asked.pid)
            if told.verdict.action != "allow":
                self.refused += 1
            if told.verdict.altered or told.verdict.action != "allow":
                self._report(asked, told)
        except OSError:
            self.counts[FAILED] += 1
        finally:
            self._group.answer(asked, allow=allow or self._mode != "deny")

    def _verdict(self, asked: Asked, meanwhile: Callable[[], object]) -> Told:
        path = _path(asked)
        state = os.fstat(asked.handle)
        known = _key(path, state)
        told = self._known.get(known)
        if told is not None:
            self._known.move_to_end(known)
            return told
        most = LARGEST if self._judge.knows(path) else STRANGER
        content = digests(os.dup(asked.handle), meanwhile, most) or NOTHING
        verdict = self._judge.decide(path, content, here=lambda: _is_ours(asked, state))
        if verdict.entry is not None:
            self._learn(verdict.entry)
        told = Told(verdict, content.sha256)
        if time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) > SETTLED:
            self._known[known] = told
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return told

    def _cut_running(self) -> None:
        """Cut what runs already, and end the connections that it has."""
        pids = set[int]()
        for each in processes.read()[0]:
            try:
                asked = Asked(
                    os.open(f"/proc/{each.pid}/exe", os.O_RDONLY | os.O_CLOEXEC), each.pid
                )
            except OSError:
                continue
            try:
                told = self._verdict(asked, self._beat)
                if told.verdict.action == "cut":
                    cut.put(each.pid)
                    pids.add(each.pid)
                    self._report(asked, told)
                    self.refused += 1
            except OSError:
                self.counts[FAILED] += 1
            finally:
                os.close(asked.handle)
        if pids:
            self.counts["connections ended"] += diag.end(pids)

    def _report(self, asked: Asked, told: Told) -> None:
        if self._mode == "observe":
            return
        action = ACTIONS[told.verdict.action][self._mode]
        by = processes.one(asked.pid)
        self._tell(
            Refusal(
                time=rfc3339(time.time_ns()),
                action=action,
                reason=told.verdict.reason,
                rule=told.verdict.rule,
                path=_path(asked),
                sha256=told.sha256,
                package=told.verdict.package,
                pid=asked.pid,
                uid=by.uid if by else -1,
                by=plain(by.executable) if by else "",
            )
        )


def _key(path: str, state: os.stat_result) -> tuple[object, ...]:
    """Return what a verdict is remembered by: one state of one file, at one path."""
    return (
        path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns,
    )  # fmt: skip


def _user(asked: Asked) -> int:
    """Return who is about to run a program."""
    found = processes.user(f"/proc/{asked.pid}")
    return -1 if found is None else found


def _path(asked: Asked) -> str:
    return plain(os.readlink(f"/proc/self/fd/{asked.handle}"))  # noqa: PTH115 - a descriptor's


def _is_ours(asked: Asked, state: os.stat_result) -> bool:
    """Say whether a program is the file that we have at its path."""
    try:
        there = os.stat(os.readlink(f"/proc/self/fd/{asked.handle}"))  # noqa: PTH115, PTH116
    except OSError:
        return False
    return os.path.samestat(there, state)


def until_told(controller: Controller) -> None:
    """Let SIGTERM and Ctrl-C end it, and SIGHUP read policy and store anew."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: controller.stop())
    signal.signal(signal.SIGHUP, lambda *_: controller.renew())
