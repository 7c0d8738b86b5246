"""Keys from a terminal, one name each. Bytes in, names out; and the terminal's mode."""

import contextlib
import os
import termios
import tty
from collections.abc import Iterator
from typing import Any

_NAMES = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1bOA": "up",
    b"\x1bOB": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b"\x1b[H": "home",
    b"\x1b[F": "end",
    b"\x1b[1~": "home",
    b"\x1b[4~": "end",
    b"\r": "enter",
    b"\n": "enter",
    b"\x7f": "backspace",
    b"\x08": "backspace",
    b"\x1b": "escape",
    b"\x03": "interrupt",
    b"\x15": "clear",
}


def names(data: bytes) -> Iterator[str]:
    """Yield the names of the keys that *data* stands for; characters stand for themselves."""
    at = 0
    while at < len(data):
        for size in (4, 3, 1):
            name = _NAMES.get(data[at : at + size])
            if name is not None:
                yield name
                at += size
                break
        else:
            if data[at] == 0x1B:  # a sequence that means nothing here
                return
            end = at + 1
            while end < len(data) and data[end] & 0xC0 == 0x80:
                end += 1
            char = data[at:end].decode("utf-8", "ignore")
            if char.isprintable() and char:
                yield char
            at = end


class Keyboard:
    """A terminal that gives each key at once and shows none, while it is held."""

    def __init__(self, fd: int = 0) -> None:
        self.fd = fd
        self._before: list[Any] = []

    def __enter__(self) -> "Keyboard":
        self._before = termios.tcgetattr(self.fd)
        tty.setcbreak(self.fd)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(termios.error):  # it is gone
            termios.tcsetattr(self.fd, termios.TCSANOW, self._before)

    def read(self) -> list[str]:
        """Return the keys that were pressed; call only when there is something to read.

        A terminal that was closed is as good as Ctrl-C.
        """
        try:
            data = os.read(self.fd, 256)
        except OSError:
            data = b""
        return list(names(data)) if data else ["interrupt"]
