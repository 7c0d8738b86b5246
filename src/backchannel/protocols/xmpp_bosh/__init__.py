"""BOSH: XMPP inside the requests and answers of HTTP, for browsers and for firewalls."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="xmpp-bosh",
    title="XMPP over HTTP (BOSH)",
    service="xmpp",
    magic=(
        Magic(transport="tcp", pattern=b"POST ", anywhere=(b"http-bind", b"httpbind", b"bosh")),
    ),
)
