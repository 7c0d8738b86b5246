"""The process that undoes an application unless somebody confirms it.

It is started before anything is changed, outlives the terminal, and needs nobody to undo: when
its starter ends without a word, the old rules come back at once; when nobody confirms in time,
they come back then. usage: python -m backchannel.apply.guardian FOLDER FIREWALL SECONDS
"""

import os
import select
import signal
import sys
import time
from pathlib import Path

from backchannel.apply.firewall import Firewall
from backchannel.apply.state import State

TICK = 0.1
"""Seconds between looks for a word from another shell."""
TRIES = 10
"""How often undoing is tried; between tries a second passes."""


def main() -> int:
    """Wait for a word, then keep or undo. Returns 0 where the kernel is as it was told."""
    from backchannel.apply.local import firewall  # noqa: PLC0415 - it imports this module's users

    folder, name, seconds = sys.argv[1:4]
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    state, wall = State(Path(folder)), firewall(name)
    deadline = time.monotonic() + float(seconds)
    _tell("ready")
    kept = _wait(state, deadline)
    if not kept:
        _undo(state, wall)
    state.finish(kept=kept)
    _tell("kept" if kept else "undone")
    return 0


def _wait(state: State, deadline: float) -> bool:
    """Say whether the application is to be kept."""
    while time.monotonic() < deadline:
        if state.said("confirm"):
            return True
        if state.said("rollback"):
            return False
        ready, _, _ = select.select([0], [], [], TICK)
        if ready:
            word = os.read(0, 64).strip()
            return word == b"confirm"  # nothing: whoever started us is gone
    return False


def _undo(state: State, wall: Firewall) -> None:
    before = state.before()
    for left in reversed(range(TRIES)):
        try:
            with state.loading() as lock:
                if wall.live() != before:
                    wall.restore(before, lock=lock)
            if wall.live() == before:
                return
        except (OSError, ValueError) as error:
            _tell(f"failed {' '.join(str(error).split())}")
        if left:
            time.sleep(1)
    _tell("failed our rules are not what they were")
    raise SystemExit(1)


def _tell(word: str) -> None:
    try:
        sys.stdout.write(word + "\n")
        sys.stdout.flush()
    except OSError:  # whoever started us is gone; we go on
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    sys.exit(main())
