"""Processes of our own: modules of this package that run beside the one that starts them."""

import subprocess
import sys
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
