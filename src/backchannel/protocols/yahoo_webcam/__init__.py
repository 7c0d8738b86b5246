"""Webcam of Yahoo Messenger, by way of Yahoo's servers or from client to client."""

from backchannel.protocols import Magic, Protocol

TAGS = (b"<RVWCFG>", b"<RUPCFG>", b"<REQIMG>", b"<SNDIMG>")
"""With which whoever connects says what it wants: a server to watch at or to show at, to watch, to
show.
"""

PROTOCOL = Protocol(
    name="yahoo-webcam",
    title="Yahoo Messenger webcam",
    service="yahoo",
    magic=tuple(Magic(transport="tcp", pattern=tag) for tag in TAGS),
)
