"""Loading with a way back: what is loaded is undone unless somebody confirms it in time."""

import os
import select
import subprocess
import time
from collections.abc import Callable
from typing import Literal

from backchannel import process
from backchannel.apply.firewall import Firewall
from backchannel.apply.state import Record, State
from backchannel.errors import InputError, UsageError
from backchannel.policy.compile import File
from backchannel.remark import remark

Outcome = Literal["unchanged", "kept", "undone"]
START = 30.0
"""Seconds that the guardian may take to stand."""


def apply(
    wall: Firewall,
    files: tuple[File, ...],
    state: State,
    *,
    record: Callable[[str], Record],
    within: float,
    confirm: Callable[[float, Callable[[], bool]], bool],
) -> Outcome:
    """Load *files*, and keep them where *confirm* says so within *within* seconds.

    *record* makes the record of what the kernel will list. *confirm* is given the seconds and a
    function that says whether the matter was settled elsewhere. Raises InputError where the
    kernel refuses the text; then nothing was changed.
    """
    with state.applying() as right:
        state.need_idle()
        after = wall.preview(files)
        before = wall.live()
        if before == after:
            state.begin(before, record(after))
            state.finish(kept=True)
            return "unchanged"
        state.begin(before, record(after))
        with _Guardian(state, wall, within, right) as guardian:
            with state.loading() as lock:
                wall.load(files, lock=lock)
            if wall.live() != after:
                guardian.say("rollback")
                raise InputError(files[0].name, "the kernel holds other rules than it was given")
            if confirm(within, guardian.settled):
                guardian.say("confirm")
            elif not guardian.settled():
                guardian.say("rollback")
        return guardian.outcome


def rollback(wall: Firewall, state: State) -> Outcome:
    """Undo what is pending: by its guardian, or where that is gone too, from here."""
    if not state.pending.exists():
        raise UsageError("nothing waits for a confirmation")
    state.say("rollback")
    if _wait(state):
        return "undone"
    with state.applying(), state.loading() as lock:
        wall.restore(state.before(), lock=lock)
        state.finish(kept=False)
    return "undone"


def confirm(state: State) -> Outcome:
    """Keep what is pending."""
    if not state.pending.exists():
        raise UsageError("nothing waits for a confirmation; it may have been undone already")
    state.say("confirm")
    if not _wait(state):
        raise UsageError("nobody took the confirmation: run `policy rollback`, then apply again")
    return "kept"


def remove(wall: Firewall, state: State) -> bool:
    """Take all our rules out of the kernel; say whether there were any."""
    with state.applying():
        state.need_idle()
        with state.loading() as lock:
            there = bool(wall.live())
            wall.restore("", lock=lock)
        state.forget(wall.name)
    return there


def _wait(state: State, seconds: float = 15.0) -> bool:
    """Say whether the guardian ended what is pending."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not state.pending.exists():
            return True
        try:
            with state.applying():
                return not state.pending.exists()  # nobody holds the right: there is no guardian
        except UsageError:
            time.sleep(0.1)
    return False


class _Guardian:
    """The guardian as its starter sees it. Whatever ends the block, it has the last word."""

    def __init__(self, state: State, wall: Firewall, within: float, right: int) -> None:
        self._state, self._wall = state, wall
        self._process = process.start(
            "apply.guardian",
            state.folder,
            wall.name,
            within,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            fds=(right,),
        )
        self._heard = b""
        self.outcome: Outcome = "undone"

    def __enter__(self) -> "_Guardian":
        end = time.monotonic() + START
        while b"ready\n" not in self._heard:
            if time.monotonic() > end or not self._hear(0.2):
                self._process.kill()
                self._state.finish(kept=False)
                raise UsageError("the guardian that would undo the rules did not start")
        return self

    def __exit__(self, *_: object) -> None:
        stdin = self._process.stdin
        if stdin is not None:
            stdin.close()  # without a word: undo
        while self._hear(0.2):
            pass
        self._process.wait()
        lines = self._heard.decode("utf-8", "replace").splitlines()
        if "kept" in lines:
            self.outcome = "kept"
        elif "undone" not in lines:
            self._undo(lines)

    def say(self, word: str) -> None:
        """Tell the guardian what to do."""
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(word.encode())
                self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it is gone: `__exit__` sees to the rules

    def settled(self) -> bool:
        """Say whether the guardian has ended, by a word from elsewhere or by force."""
        self._hear(0)
        return self._process.poll() is not None

    def _hear(self, seconds: float) -> bool:
        """Take what the guardian said; say whether it may say more."""
        out = self._process.stdout
        if out is None:
            return False
        ready, _, _ = select.select([out], [], [], seconds)
        if not ready:
            return True
        said = os.read(out.fileno(), 4096)
        self._heard += said
        return bool(said)

    def _undo(self, lines: list[str]) -> None:
        """Undo from here, because the guardian was killed or could not."""
        with self._state.loading() as lock:
            self._wall.restore(self._state.before(), lock=lock)
        self._state.finish(kept=False)
        failed = [line.removeprefix("failed ") for line in lines if line.startswith("failed ")]
        if failed:
            remark(f"the guardian said: {failed[-1]}")
