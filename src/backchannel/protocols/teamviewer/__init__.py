"""TeamViewer's own protocol over TCP, on port 5938, 443, 80 or any other."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="teamviewer",
    title="TeamViewer",
    service="teamviewer",
    magic=(Magic("tcp", b"\x17\x24\x0a\x20\0", minimum=37),),
)
