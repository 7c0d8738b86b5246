"""Names of interfaces by number, and word from the kernel when they change (rtnetlink)."""

import socket

from backchannel import netlink
from backchannel.enforce import news


class Interfaces(news.News):
    """All interfaces of this network."""

    def __init__(self) -> None:
        super().__init__(netlink.ROUTE, news.LINKS)

    @staticmethod
    def names() -> dict[int, str]:
        """Return the names by number."""
        return dict(socket.if_nameindex())
