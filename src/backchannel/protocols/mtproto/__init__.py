"""Telegram's protocol MTProto over TCP, plain or obfuscated, on any port."""

from backchannel.protocols import Length, Magic, Protocol, Spread, random_opening

_PLAIN = b"\xef", b"\xee\xee\xee\xee", b"\xdd\xdd\xdd\xdd"
"""What opens MTProto that is not obfuscated; clients take care not to open like this or like others
when they obfuscate."""

PROTOCOL = Protocol(
    name="mtproto",
    title="Telegram (MTProto)",
    service="telegram",
    magic=(
        # The first message asks for a new key, or begins with the id of one and fills whole blocks.
        Magic("tcp", b"\xef\x0a" + bytes(8), unanswered=True),
        Magic("tcp", b"\xef\x02", b"\xff\x03", spread=Spread(2, 24, 16), first=True),
        Magic("tcp", b"\xef\x7f", b"\xff\x7f", spread=Spread(5, 24, 16), first=True),
        Magic("tcp", b"\xee\xee\xee\xee\0\0\0\0", b"\xff" * 4 + b"\x03\0\0\x7f"),
        Magic("tcp", b"\xdd\xdd\xdd\xdd\0\0\0\0", b"\xff" * 4 + b"\0\0\0\x7f"),
        # The full form has no opening: a length, the number 0, the message, a checksum.
        Magic("tcp", b"\x34" + bytes(15), unanswered=True),
        Magic(
            "tcp",
            bytes(6),
            at=2,
            length=Length(at=0, size=4, little=True),
            spread=Spread(8, 24, 16),
            first=True,
        ),
        # Obfuscated: 64 bytes that look random, and a message that follows.
        random_opening.magic(*_PLAIN),
    ),
)
