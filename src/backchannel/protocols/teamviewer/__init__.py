"""TeamViewer's own protocol, on port 5938, 443, 80 or any other."""

from backchannel.protocols import Length, Magic, Protocol

PROTOCOL = Protocol(
    name="teamviewer",
    title="TeamViewer",
    service="teamviewer",
    magic=(
        Magic("tcp", b"\x17\x24\x0a\x20\0", minimum=37),
        # Amid a connection: a message of version 2, with 24 as the size of its header.
        Magic(
            "tcp",
            b"\x11\x30" + bytes(18) + b"\x18\0\0\0",
            b"\xff\xff\0\xff\0\0\xff\xff" + bytes(12) + b"\xff" * 4,
        ),
        Magic("udp", b"\x17\x24", at=11, length=Length(at=14, size=2, bias=16, little=True)),
    ),
)
