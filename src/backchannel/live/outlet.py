"""A terminal that somebody else waits for: one that takes nothing holds up nobody.

A person presses Ctrl-S, or their SSH connection is dead and not yet known to be: whoever writes to
the terminal then waits, for hours perhaps. Here that is a thread with nothing else to do.
"""

import contextlib
import os
import threading
from typing import TextIO


class Outlet:
    """A file for text, as far as rich needs one. Holds what was not taken yet: whoever draws looks
    at `busy` first, so that this is one screen.
    """

    def __init__(self, terminal: TextIO) -> None:
        self._fd = terminal.fileno()
        self.encoding, self._errors = terminal.encoding, terminal.errors or "strict"
        self._changed = threading.Condition()
        self._waiting: list[str] = []
        self._writing = False
        threading.Thread(target=self._work, name="outlet", daemon=True).start()

    @property
    def busy(self) -> bool:
        """Whether the terminal has not taken everything yet."""
        with self._changed:
            return self._writing or bool(self._waiting)

    def write(self, text: str) -> int:
        """Take *text*; never waits."""
        with self._changed:
            self._waiting.append(text)
        return len(text)

    def flush(self) -> None:
        """Have it written, some time."""
        with self._changed:
            self._changed.notify_all()

    def drain(self, seconds: float) -> bool:
        """Wait until the terminal has taken everything, but no longer; say whether it has."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._writing and not self._waiting, timeout=seconds
            )

    def isatty(self) -> bool:
        """Say that it is a terminal."""
        return True

    def fileno(self) -> int:
        """Return the terminal's descriptor."""
        return self._fd

    def _work(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._waiting))
                text, self._writing = "".join(self._waiting), True
                self._waiting.clear()
            data = text.encode(self.encoding, self._errors)
            with contextlib.suppress(OSError):  # it is gone: its keyboard says so
                while data:
                    data = data[os.write(self._fd, data) :]
