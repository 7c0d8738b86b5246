"""A small process that kills the one that answers the kernel, when that answers no more.

Everybody who runs a program waits for its answer: one that was stopped, or hangs, would stop the
machine. Killed, it lets the kernel run everything. It beats into a pipe; when no beat comes for
LIMIT seconds it is killed by a handle that names it and no other. The warden has a session of its
own, so that a terminal's Ctrl-Z is not for it, and holds nothing else.

    backchannel.host.control.warden HANDLE BEATS LIMIT [cut]

With `cut` it takes the rules that cut programs off the network away at the end, whoever ended.
"""

import os
import select
import signal
import sys
from contextlib import suppress

from backchannel.host.control import cut
from backchannel.remark import remark

LIMIT = 10.0
"""Seconds without a beat after which nobody answers."""


def main(handle: int, beats: int, limit: float, *, cuts: bool) -> None:
    """Watch until the pipe ends, or the beats do; then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it leaves with the one that it watches
    _watch(handle, beats, limit)
    if cuts:
        cut.end()


def _watch(handle: int, beats: int, limit: float) -> None:
    while select.select([beats], [], [], limit)[0]:
        if not os.read(beats, 4096):
            return  # it left in order, or died
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    remark(f"control did not answer for {limit:g} s and was ended: programs run unasked")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), cuts="cut" in sys.argv[4:])
