"""WhatsApp's connection to its chat servers, on port 5222, 443, 80 or any other."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="whatsapp",
    title="WhatsApp chat connection",
    service="whatsapp",
    magic=(
        # "WA", two small version numbers, and the first byte of a length below 65,536.
        Magic("tcp", b"WA\0\0\0", b"\xff\xff\xf0\xf0\xff", unanswered=True),
        # The routing hint that may stand before it.
        Magic("tcp", b"ED\0\x01\0", unanswered=True),
    ),
)
