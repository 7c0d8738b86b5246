"""Remote desktops (RDP), which Remote Assistance also speaks, on port 3389 or any other."""

from backchannel.protocols import Length, Magic, Protocol

PROTOCOL = Protocol(
    name="rdp",
    title="Remote Desktop Protocol",
    service="rdp",
    magic=(
        # TPKT (RFC 1006) of one X.224 connection request; its length is the payload's.
        Magic(
            transport="tcp",
            pattern=b"\x03\x00\x00\x00\x00\xe0\x00\x00",
            mask=b"\xff\xff\xfe\x00\x00\xff\xff\xff",
            length=Length(at=2, size=2),
        ),
    ),
)
