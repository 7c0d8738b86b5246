"""Discord's voice and video between a client and a voice server, over UDP at any port."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="discord-voice",
    title="Discord voice",
    service="discord",
    magic=(
        # Type 1 or 2, and the length of the rest.
        Magic("udp", b"\0\0\0\x46", b"\xff\xfc\xff\xff", sizes=(74,)),
        # A ping, which comes back as it was sent.
        Magic("udp", b"\x13\x37\xca\xfe", sizes=(8,)),
    ),
)
