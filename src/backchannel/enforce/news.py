"""Word from the kernel that something changed, over netlink."""

import contextlib
import socket

LINKS, RULES = 1, 1 << 6
"""Groups of news: about interfaces (RTMGRP_LINK), and about nftables (NFNLGRP_NFTABLES)."""


class News:
    """News of one group. What it says is not read: whoever hears of it looks for themselves."""

    def __init__(self, family: int, group: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family)
        self._socket.bind((0, group))
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """Return the socket, to wait on."""
        return self._socket.fileno()

    def changed(self) -> bool:
        """Take the news; return whether there were any."""
        some = False
        try:
            while self._socket.recv(1 << 16):
                some = True
        except BlockingIOError:
            return some
        except OSError:  # more than the socket could hold
            with contextlib.suppress(OSError):
                while self._socket.recv(1 << 16):
                    pass
            return True
        return some

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()
