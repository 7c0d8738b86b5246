"""MSN Messenger through HTTP: requests that carry MSNP to a gateway, and polls that fetch it."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="msn-gateway",
    title="MSN Messenger HTTP gateway",
    service="msn",
    magic=(
        Magic(transport="tcp", pattern=b"POST /gateway/gateway.dll?"),
        Magic(transport="tcp", pattern=b"POST http://gateway.messenger."),
        Magic(transport="tcp", pattern=b"POST http://", anywhere=(b"gateway.dll",)),
        Magic(transport="tcp", pattern=b"HTTP/1.1 200 OK\r\n", anywhere=(b"x-msn-messenger",)),
        Magic(transport="tcp", pattern=b"HTTP/1.0 200 OK\r\n", anywhere=(b"x-msn-messenger",)),
    ),
)
