"""Processes of our own: modules of this package that run beside the one that starts them."""

import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence


def start(
    module: str,
    *words: object,
    stdin: int = subprocess.DEVNULL,
    stdout: int | None = None,
    fds: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """Start `backchannel.MODULE` with the arguments *words*; it inherits the descriptors *fds*.

    Nothing is imported from the current folder, which may be anybody's (`-P`): it would run with
    our rights. The process has a session of its own, as a terminal's Ctrl-C is for who started it.
    Raises OSError.
    """
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", f"backchannel.{module}", *map(str, words)],
        stdin=stdin,
        stdout=stdout,
        pass_fds=fds,
        start_new_session=True,
    )


class Deaths:
    """Processes that ended and were not to, within some time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque()

    def another(self) -> int:
        """Count one that ended now; return how many did within the last seconds, this one too."""
        now = time.monotonic()
        self._times.append(now)
        while self._times[0] < now - self._seconds:
            self._times.popleft()
        return len(self._times)
