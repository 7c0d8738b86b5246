"""Webcam video of MSN Messenger, from client to client or through a reflector."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="msn-webcam",
    title="MSN Messenger webcam",
    service="msn",
    magic=(
        Magic(transport="tcp", pattern=b"recipientid="),
        Magic(transport="tcp", pattern=b"connected\r\n\r\n"),
        Magic(transport="tcp", pattern=b"PROD ", first=True),
        Magic(transport="tcp", pattern=b"VIEW ", first=True),
    ),
)
