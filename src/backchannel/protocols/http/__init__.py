"""HTTP/1.x: plain web traffic, and the layer below every protocol that rides on HTTP."""

from backchannel.protocols import Magic, Protocol

METHODS = (
    *(b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"DELETE", b"PATCH", b"TRACE"),
    *(b"PROPFIND", b"PROPPATCH", b"MKCOL", b"COPY", b"MOVE", b"LOCK", b"UNLOCK", b"REPORT"),
)
"""Of RFC 9110, RFC 5789 and WebDAV (RFC 4918, RFC 3253)."""

BEHIND_A_LINE = Magic(transport="tcp", pattern=b"\r\n@@@", mask=b"\xff\xff\xe0\xe0\xe0")
"""An empty line, which servers pass over before a request (RFC 9112 §2.2), and three capitals."""
PROTOCOL = Protocol(
    name="http",
    title="HTTP/1.x",
    service="http",
    context=True,
    magic=(
        *(Magic(transport="tcp", pattern=method + b" ") for method in METHODS),
        BEHIND_A_LINE,
        Magic(transport="tcp", pattern=b"HTTP/1."),
    ),
)
