"""A small process that has its hands on the rules: when a heart stops, it loads what then holds.

The inspector's heart beats into a pipe, a byte every tenth of a second. The guard tells the
watchdog by lines on its standard input what else it must know, and notices by its answers whether
it is there. It knows nothing but the texts that it is given.

    {...}    the texts, first and at each reload; they are loaded at once (not the first ones)
    +        the rules were taken away by another program: load again what holds now
    .        are you there? It answers `.`, or `!` while nobody guards
    !        the inspector is gone
    q        the guard leaves in order, and takes its rules away itself: leave too

    no beats for LIMIT, or `!`  -> load what is to hold without a guard, until beats come again
    end of input without `q`    -> the guard died: load what is to hold without a guard, and leave
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

from backchannel import process
from backchannel.enforce import kernel
from backchannel.errors import UsageError
from backchannel.remark import remark

TICK = 0.1
"""Seconds between two questions whether it is there."""
LIMIT = 0.6
"""Seconds without a beat after which nobody guards. Loading takes about 0.1 more."""
ANSWER_LIMIT = 2.0
"""Seconds without an answer after which the watchdog counts as gone."""
START_LIMIT = 10.0
"""Seconds that the first watchdog has to start."""
LOAD_LIMIT = 4.0
"""Seconds that it has to load other texts."""
UNJUDGED = "they pass or are held up as on-failure says"
"""What becomes of packets then."""
FAILED = "failed"
"""Told at its start to one that takes another's place while nobody guards."""


class Watchdog:
    """The guard's side of it."""

    def __init__(self, texts: kernel.Texts, beats: int) -> None:
        """*beats*: where the inspector's beats are read."""
        self._texts, self._beats = texts, beats
        self.restarts = 0
        self.guards = True
        """Whether packets go to the queue now, by what it said last."""
        self._sent = self._answered = 0.0
        self._start()
        self._write(b".\n")
        select.select([self._out], [], [], START_LIMIT)  # guard nothing before it watches

    def tend(self, now: float) -> None:
        """See that it is there; *now* is monotonic, in seconds. Starts another where it is not."""
        answered = self._read()
        if answered:
            self._answered, self.guards = now, answered.endswith(b".")
        gone = answered is None or now - self._answered > ANSWER_LIMIT
        if not gone and now - self._sent >= TICK:
            self._sent = now
            gone = not self._write(b".\n")
        if gone:
            self._replace()

    def load(self, texts: kernel.Texts) -> None:
        """Load other texts, in one step, in place of those before. Raises UsageError where the
        kernel does not take them: then those before are still in force.
        """
        before, self._texts = self._texts, texts
        told = self._order(msgspec.json.encode(texts))
        if told is None:  # it is gone: its work is done here, once
            self._replace()
            try:
                kernel.renew(texts)
            except UsageError as error:
                told = str(error)
        if told:
            self._texts = before
            self._order(msgspec.json.encode(before))
            raise UsageError(told)

    def restore(self) -> None:
        """Load again what was taken away. Raises UsageError."""
        told = self._order(b"+")
        if told is None:
            raise UsageError("the watchdog does not answer")
        if told:
            raise UsageError(told)

    def fail(self) -> None:
        """The inspector is gone: nobody guards until another one's heart beats."""
        self.guards = False
        self._write(b"!\n")

    def stop(self) -> None:
        """The guard leaves in order."""
        self._write(b"q\n")
        self._end()

    @property
    def texts(self) -> kernel.Texts:
        """What is in force."""
        return self._texts

    @property
    def pid(self) -> int:
        """Process number of the watchdog."""
        return self._process.pid

    def _start(self) -> None:
        self._process = process.start(
            "enforce.watchdog",
            self._beats,
            *(() if self.guards else (FAILED,)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            fds=(self._beats,),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._in.write(msgspec.json.encode(self._texts) + b"\n")
        self._in.flush()
        os.set_blocking(self._in.fileno(), False)
        os.set_blocking(self._out.fileno(), False)
        self._sent, self._answered = 0.0, time.monotonic()

    def _replace(self) -> None:
        self._process.kill()
        self._end()
        self.restarts += 1
        self._start()

    def _end(self) -> None:
        for end in (self._in, self._out):
            with contextlib.suppress(OSError):
                end.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _order(self, line: bytes) -> str | None:
        """Have it load what *line* says; return its answer: empty for done; None: nothing."""
        left, until = line + b"\n", time.monotonic() + LOAD_LIMIT
        said = b""
        while (wait := until - time.monotonic()) > 0:
            reads, writes, _ = select.select([self._out], [self._in] if left else [], [], wait)
            try:
                if writes:
                    left = left[os.write(self._in.fileno(), left[: select.PIPE_BUF]) :]
                if reads and not (piece := os.read(self._out.fileno(), 4096)):
                    return None
                said += piece if reads else b""
            except BlockingIOError:
                continue
            except OSError:
                return None
            if b"=" in said and said.endswith(b"\n"):
                self._answered = time.monotonic()
                return said.partition(b"=")[2].decode().strip()
        return None

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


class Keeper:
    """The watchdog's own side: what is loaded now, and what comes next."""

    def __init__(self, texts: kernel.Texts, beats: int, *, failed: bool) -> None:
        self._texts, self._beats, self._failed = texts, beats, failed
        self._last = time.monotonic()
        self._input = b""

    def run(self) -> None:
        """Watch until the guard leaves."""
        while True:
            wait = None if self._failed else max(0.0, self._last + LIMIT - time.monotonic())
            ready, _, _ = select.select([0, self._beats], [], [], wait)
            if self._beats in ready:
                self._beat()
            if 0 in ready and not self._hear():
                return
            if not self._failed and time.monotonic() - self._last >= LIMIT:
                self._fail("the guard hangs")

    def _beat(self) -> None:
        os.read(self._beats, 4096)
        self._last = time.monotonic()
        if self._failed:
            self._failed = False
            _act("the guard lives again", kernel.load, self._texts)

    def _hear(self) -> bool:
        """Do what the guard says; return whether to go on."""
        data = os.read(0, 65536)
        if not data:
            if not self._failed:
                self._fail("the guard died")
            _act("the guard died", kernel.tidy, self._texts)
            return False
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            if line == b"q":
                return False
            if line == b"!":
                with contextlib.suppress(BlockingIOError):
                    os.read(self._beats, 65536)  # the last beats of a process that is gone
                if not self._failed:
                    self._fail("the inspecting process died")
            elif line == b".":
                _say(b"!" if self._failed else b".")
            elif line == b"+":
                _say(b"=" + self._load(self._restore, self._texts) + b"\n")
            else:
                texts = msgspec.json.decode(line, type=kernel.Texts)
                _say(b"=" + self._load(self._exchange, texts) + b"\n")
        return True

    def _load(self, action: Callable[[kernel.Texts], None], texts: kernel.Texts) -> bytes:
        """Load *texts* by *action*, and keep them; return what went wrong."""
        try:
            action(texts)
        except (UsageError, OSError, subprocess.TimeoutExpired) as error:
            return str(error).replace("\n", " ").encode()
        finally:
            self._last = time.monotonic()
        self._texts = texts
        return b""

    def _exchange(self, texts: kernel.Texts) -> None:
        (kernel.fail if self._failed and texts.failed else kernel.renew)(texts)

    def _restore(self, texts: kernel.Texts) -> None:
        kernel.load(texts)
        if self._failed:
            kernel.fail(texts)

    def _fail(self, why: str) -> None:
        self._failed = True
        _act(why, kernel.fail, self._texts)


def main(arguments: list[str]) -> None:
    """Watch what beats on the descriptor that *arguments* name; FAILED: it did not up to now."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the guard, not with a key pressed
    hurry()
    beats, *failed = arguments
    texts = msgspec.json.decode(_line(), type=kernel.Texts)
    Keeper(texts, int(beats), failed=failed == [FAILED]).run()


_DONE: dict[Callable[[kernel.Texts], None], str] = {
    kernel.fail: f"packets are not judged now, {UNJUDGED}",
    kernel.tidy: "its other rules are taken away",
    kernel.load: "it guards again",
}


def _line() -> bytes:
    """Read one line, and nothing behind it."""
    read = b""
    while not read.endswith(b"\n") and (byte := os.read(0, 1)):
        read += byte
    return read


def _say(what: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # it just died: read that next
        os.write(1, what)


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
    remark(f"{what}: {then}")


if __name__ == "__main__":
    main(sys.argv[1:])
