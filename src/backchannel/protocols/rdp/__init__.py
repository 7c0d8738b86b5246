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
        # A confirm that negotiates, where the server's side alone was captured, or comes first.
        Magic(
            transport="tcp",
            pattern=b"\x03\x00\x00\x13\x0e\xd0" + bytes(5) + b"\x02\x00\x08\x00" + bytes(4),
            mask=b"\xff" * 6 + bytes(5) + b"\xfe\x00\xff\xff\x00\xff\xff\xff",
            length=Length(at=2, size=2, whole=False),
        ),
    ),
)
