"""Says what a running program has to say on standard error. Nothing fails where nobody can read it.

The terminal may be closed, the reader of a pipe gone, the disk of a log full: a watch or a guard
goes on all the same.
"""

import contextlib
import sys


def remark(text: str) -> None:
    """Say something about the program itself."""
    say(f"backchannel: {text}")


def say(text: str) -> None:
    """Say *text* as it is."""
    if sys.stderr is None:  # closed by who started us: print would take standard output
        return
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)
