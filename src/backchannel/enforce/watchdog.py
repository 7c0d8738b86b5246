"""A small process that watches the guard: when its heart stops, the kernel gets the policy's word.

The guard writes a byte every BEAT seconds; the watchdog answers each, so that the guard notices a
watchdog that died or hangs and starts another. It starts with the texts on its standard input and
knows nothing else.

    beats stop for LIMIT     -> load what is to hold without a guard, until beats come again
    end of input after BYE   -> the guard left in order and took its rules away: leave too
    end of input without it  -> the guard died: load what is to hold without a guard, and leave
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec

from backchannel.enforce import kernel
from backchannel.errors import UsageError

BEAT = 0.1
LIMIT = 0.6
"""Seconds without a beat after which the guard counts as gone. Loading takes about 0.1 more."""
ANSWER_LIMIT = 2.0
"""Seconds without an answer after which the watchdog counts as gone."""
START_LIMIT = 10.0
"""Seconds that the first watchdog has to start."""
TICK, BYE = b".", b"q"


class Watchdog:
    """The guard's side of it."""

    def __init__(self, texts: kernel.Texts) -> None:
        self._texts = texts
        self.restarts = 0
        self._sent = self._answered = 0.0
        self._start()
        self._write(TICK)
        select.select([self._out], [], [], START_LIMIT)  # guard nothing before it watches

    def beat(self, now: float) -> None:
        """Say that the guard lives; *now* is monotonic, in seconds. Restarts a lost watchdog."""
        answered = self._read()
        if answered:
            self._answered = now
        gone = answered is None or now - self._answered > ANSWER_LIMIT
        if not gone and now - self._sent >= BEAT:
            self._sent = now
            gone = not self._write(TICK)
        if gone:
            self._process.kill()
            self._end()
            self.restarts += 1
            self._start()

    def stop(self) -> None:
        """The guard leaves in order."""
        self._write(BYE)
        self._end()

    @property
    def pid(self) -> int:
        """Process number of the watchdog."""
        return self._process.pid

    def _start(self) -> None:
        command = sys.executable, "-m", "backchannel.enforce.watchdog"
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._in.write(msgspec.json.encode(self._texts) + b"\n")
        self._in.flush()
        os.set_blocking(self._in.fileno(), False)
        os.set_blocking(self._out.fileno(), False)
        self._sent, self._answered = 0.0, time.monotonic()

    def _end(self) -> None:
        for end in (self._in, self._out):
            end.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _write(self, what: bytes) -> bool:
        try:
            os.write(self._in.fileno(), what)
        except BlockingIOError:
            return True  # it does not read: its answers will be missed
        except OSError:
            return False
        return True

    def _read(self) -> bytes | None:
        """Return its answers; None when it is gone."""
        try:
            return os.read(self._out.fileno(), 4096) or None
        except BlockingIOError:
            return b""


def main() -> None:
    """Watch until the guard leaves."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the guard, not with a key pressed
    hurry()
    texts = msgspec.json.decode(_line(), type=kernel.Texts)
    failed = False
    while True:
        ready, _, _ = select.select([0], [], [], None if failed else LIMIT)
        beats = os.read(0, 4096) if ready else b"-"
        if not beats or BYE in beats:
            if not beats and not failed:
                _act("the guard died", kernel.fail, texts)
            if not beats:
                _act("the guard died", kernel.tidy, texts)
            return
        if not ready:
            failed = True
            _act("the guard hangs", kernel.fail, texts)
        elif failed:
            failed = False
            _act("the guard lives again", kernel.load, texts)
        if ready:
            with contextlib.suppress(BrokenPipeError):  # it just died: read that next
                os.write(1, TICK)


_DONE: dict[Callable[[kernel.Texts], None], str] = {
    kernel.fail: "the policy's word for this is loaded",
    kernel.tidy: "its other rules are taken away",
    kernel.load: "it guards again",
}


def _line() -> bytes:
    """Read one line, and nothing behind it."""
    read = b""
    while not read.endswith(b"\n") and (byte := os.read(0, 1)):
        read += byte
    return read


def hurry() -> None:
    """Come before others when the machine is busy, where we may."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)


def _act(what: str, action: Callable[[kernel.Texts], None], texts: kernel.Texts) -> None:
    then = _DONE[action]
    try:
        action(texts)
    except (UsageError, OSError, subprocess.TimeoutExpired) as error:
        then = f"and its rules could not be changed: {error}"
    print(f"backchannel: {what}: {then}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
