"""Yahoo! Pager's protocol, YPNS: what Yahoo Messenger spoke before YMSG."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="ypns",
    title="Yahoo! Pager (YPNS)",
    service="yahoo",
    magic=(Magic("tcp", b"YPNS"), Magic("tcp", b"YHOO")),
)
