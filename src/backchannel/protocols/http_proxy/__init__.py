"""Web proxies: CONNECT tunnels, and requests with absolute URIs."""

from backchannel.protocols import Magic, Protocol

_METHODS = (b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"DELETE", b"PATCH")
_SCHEMES = (b" HTTP", b" FTP://")


def _caseless(text: bytes, *, after: int = 0) -> Magic:
    """Return the magic for *text*, whose letters from *after* on may have either case."""
    masks = (0xDF if n >= after and byte in _LETTERS else 0xFF for n, byte in enumerate(text))
    return Magic(transport="tcp", pattern=text, mask=bytes(masks))


_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")

PROTOCOL = Protocol(
    name="http-proxy",
    title="HTTP proxy",
    service="http-proxy",
    magic=(
        Magic(transport="tcp", pattern=b"CONNECT "),
        *(_caseless(m + s, after=len(m)) for m in _METHODS for s in _SCHEMES),
        *(_caseless(b"HTTP/1.%d 200 CONNECTION ESTABLISHED" % minor, after=9) for minor in (0, 1)),
        *(Magic(transport="tcp", pattern=b"HTTP/1.%d 407 " % minor) for minor in (0, 1)),
    ),
)
