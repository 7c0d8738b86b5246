"""Telegram's calls through its relays ("reflectors"), over UDP or TCP at any port."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="telegram-call",
    title="Telegram calls through a relay",
    service="telegram",
    magic=(
        # Behind the call's tag, what is for the relay or from it: twelve ff and a kind.
        *(
            Magic("udp", b"\xff" * 12 + kind, at=16, sizes=(size,))
            for kind, size in (
                (b"\xfe\xff\xff\xff", 40),
                (b"\xff\xff\xff\xff", 32),
                (b"\xc7\x72\x15\xc0", 64),
                (b"\x1c\x37\xd9\x27", 48),
                (b"\xb1\x73\xfc\x83", 72),
            )
        ),
        # Over TCP in MTProto's framing: the tag and four zeros.
        Magic("tcp", b"\xee\xee\xee\xee\x14\0\0\0", first=True),
    ),
)
