"""Names of interfaces by number, and word from the kernel when they change (rtnetlink)."""

import contextlib
import socket

_ROUTE, _LINKS = 0, 1
"""NETLINK_ROUTE, and its group of news about interfaces (RTMGRP_LINK)."""


class Interfaces:
    """All interfaces of this network."""

    def __init__(self) -> None:
        self._news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _ROUTE)
        self._news.bind((0, _LINKS))
        self._news.setblocking(False)

    def fileno(self) -> int:
        """Return the socket, to wait on."""
        return self._news.fileno()

    def changed(self) -> bool:
        """Take the news; return whether there were any."""
        some = False
        with contextlib.suppress(OSError):  # nothing more, or more than the socket could hold
            while self._news.recv(1 << 16):
                some = True
        return some

    @staticmethod
    def names() -> dict[int, str]:
        """Return the names by number."""
        return dict(socket.if_nameindex())

    def close(self) -> None:
        """Hear no more."""
        self._news.close()
