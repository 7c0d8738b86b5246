"""HTTP/1.x: plain web traffic, and the layer below every protocol that rides on HTTP."""

from backchannel.protocols import Magic, Protocol

METHODS = (
    *(b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"DELETE", b"PATCH", b"TRACE"),
    *(b"PROPFIND", b"PROPPATCH", b"MKCOL", b"COPY", b"MOVE", b"LOCK", b"UNLOCK", b"REPORT"),
)
"""Of RFC 9110, RFC 5789 and WebDAV (RFC 4918, RFC 3253)."""

BEHIND_A_LINE = Magic(transport="tcp", pattern=b"\r\n@@@", mask=b"\xff\xff\xe0\xe0\xe0")
"""An empty line, which servers pass over before a request (RFC 9112 §2.2), and three capitals."""
EMPTY_LINES = tuple(Magic(transport="tcp", pattern=end, first=True) for end in (b"\n", b"\r\n"))
"""Any number of such lines at the beginning: what comes behind them is for recognisers."""
PROTOCOL = Protocol(
    name="http",
    title="HTTP/1.x",
    service="http",
    context=True,
    magic=(
        *(Magic(transport="tcp", pattern=method + b" ") for method in METHODS),
        BEHIND_A_LINE,
        *EMPTY_LINES,
        Magic(transport="tcp", pattern=b"HTTP/1."),
    ),
)
