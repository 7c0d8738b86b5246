"""T.120 conferences: NetMeeting's shared programs and whiteboard, on port 1503 or any other."""

from backchannel.protocols import Length, Magic, Protocol

PROTOCOL = Protocol(
    name="t120",
    title="T.120 data conferencing",
    service="t120",
    magic=(
        # TPKT (RFC 1006) of one X.224 connection request; its length is the payload's.
        Magic(
            transport="tcp",
            pattern=b"\x03\x00\x00\x00\x00\xe0\x00\x00",
            mask=b"\xff\xff\xff\x00\x00\xff\xff\xff",
            length=Length(at=2, size=2),
        ),
    ),
)
