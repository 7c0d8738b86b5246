"""TeamViewer's own protocol, on port 5938, 443, 80 or any other."""

from backchannel.protocols import Length, Magic, Protocol

PROTOCOL = Protocol(
    name="teamviewer",
    title="TeamViewer",
    service="teamviewer",
    magic=(
        Magic("tcp", b"\x17\x24\x0a\x20\0", minimum=37),
        Magic("udp", b"\x17\x24", at=11, length=Length(at=14, size=2, bias=16, little=True)),
    ),
)
