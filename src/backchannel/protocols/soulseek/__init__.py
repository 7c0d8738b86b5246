"""Soulseek: its server, and what its users send each other, over TCP."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="soulseek",
    title="Soulseek",
    service="soulseek",
    magic=(
        # A sign-on: its size, its code, and the size of a name, each in 32 bits.
        Magic(
            transport="tcp",
            pattern=bytes((0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)),
            mask=b"\0\xfc\xff\xff\xff\xff\xff\xff\x80\xff\xff\xff",
            minimum=24,
        ),
        # Who connects to a user says who it is, or which call it answers.
        Magic(
            transport="tcp",
            pattern=bytes((0, 0, 0, 0, 1, 0, 0, 0, 0)),
            mask=b"\x80\xff\xff\xff\xff\x80\xff\xff\xff",
            minimum=16,
        ),
        Magic(transport="tcp", pattern=bytes((5, 0, 0, 0, 0)), minimum=9, first=True),
    ),
)
