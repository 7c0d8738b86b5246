"""Tells systemd how a service is doing: sd_notify(3), in the few lines that it takes.

Nothing happens where nobody asked (`NOTIFY_SOCKET` is not set).
"""

import contextlib
import os
import socket
import time


class Service:
    """A service of `Type=notify`, with a watchdog where its unit asks for one."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self._every = _watchdog()
        self._next = 0.0

    def ready(self, status: str) -> None:
        """Everything is open, and the work begins."""
        self._tell(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """The main loop turns. Cheap: tells at most twice in each period of the watchdog."""
        now = time.monotonic()
        if self._every and now >= self._next:
            self._next = now + self._every / 2
            self._tell("WATCHDOG=1", wait=0)

    def stopping(self) -> None:
        """What is left is being written."""
        self._tell("STOPPING=1")

    def _tell(self, text: str, wait: float = 0.5) -> None:
        """Tell *text*; whoever does not listen for *wait* seconds misses it."""
        address = self._address
        if address[:1] not in ("/", "@"):
            return
        target = f"\0{address[1:]}" if address.startswith("@") else address
        with (
            contextlib.suppress(OSError),  # nobody listens any more
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.settimeout(wait)
            out.sendto(text.encode(), target)


def _watchdog() -> float:
    """Return the watchdog's period in seconds; 0 where there is none for this process."""
    microseconds, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or (process and process != str(os.getpid())):
        return 0.0
    return int(microseconds) / 1_000_000
