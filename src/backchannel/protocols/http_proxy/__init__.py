"""Web proxies: CONNECT tunnels, and requests with absolute URIs."""

from backchannel.protocols import Magic, Protocol
from backchannel.protocols.http import BEHIND_A_LINE, EMPTY_LINES

_METHODS = (b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"DELETE", b"PATCH")
_SCHEMES = (b"HTTP", b"FTP://")
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_BLANK = b"\0"
"""Stands for a space or a tab."""


def _masked(text: bytes) -> Magic:
    """Return the magic for *text*, whose letters may have either case, and BLANKs be blanks."""
    masks = (0xDF if byte in _LETTERS else 0xFF if byte else 0xD6 for byte in text)
    return Magic(transport="tcp", pattern=text, mask=bytes(masks))


# Proxies are lenient: squid takes methods in small letters and tabs, it and tinyproxy take many
# blanks and empty lines before the request.
PROTOCOL = Protocol(
    name="http-proxy",
    title="HTTP proxy",
    service="http-proxy",
    magic=(
        *EMPTY_LINES,
        _masked(b"CONNECT" + _BLANK),
        BEHIND_A_LINE,
        *(_masked(method + _BLANK + scheme) for method in _METHODS for scheme in _SCHEMES),
        *(_masked(method + 2 * _BLANK) for method in _METHODS),
        *(_masked(b"HTTP/1.%d 200 CONNECTION ESTABLISHED" % minor) for minor in (0, 1)),
        *(Magic(transport="tcp", pattern=b"HTTP/1.%d 407 " % minor) for minor in (0, 1)),
    ),
)
