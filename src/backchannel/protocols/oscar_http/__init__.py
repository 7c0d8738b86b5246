"""OSCAR through HTTP: polls and posts to a gateway, for networks that let nothing else pass."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="oscar-http",
    title="OSCAR HTTP gateway",
    service="icq",
    magic=tuple(
        Magic("tcp", pattern)
        for pattern in (b"GET /hello HTTP/1.", b"GET /monitor?sid=", b"POST /data?sid=")
    ),
)
