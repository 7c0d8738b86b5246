"""Names of interfaces by number, and word from the kernel when they change (rtnetlink)."""

import socket

from backchannel.enforce import news


class Interfaces(news.News):
    """All interfaces of this network."""

    def __init__(self) -> None:
        super().__init__(news.ROUTE, news.LINKS)

    @staticmethod
    def names() -> dict[int, str]:
        """Return the names by number."""
        return dict(socket.if_nameindex())
