"""uTP: a stream like TCP's over UDP that gives way to others, made by and for BitTorrent."""

from backchannel.protocols import Magic, Protocol

_WINDOW = b"\xff"
"""A window of 16 MiB and more is nobody's: so its first byte is 0."""

PROTOCOL = Protocol(
    name="bittorrent-utp",
    title="BitTorrent's transport over UDP (uTP)",
    service="bittorrent",
    magic=(
        # A SYN acknowledges nothing and has measured nothing. It may bring its extensions' bits.
        *(
            Magic(
                transport="udp",
                pattern=bytes([0x41, extension]) + bytes(18),
                mask=b"\xff\xff" + bytes(6) + b"\xff" * 4 + _WINDOW + bytes(5) + b"\xff\xff",
                sizes=(size,),
            )
            for extension, size in ((0, 20), (2, 30))
        ),
        # Amid a connection: data, or an acknowledgement with and without a selective one.
        Magic(
            transport="udp",
            pattern=b"\x01\0" + bytes(11),
            mask=b"\xff\xff" + bytes(10) + _WINDOW,
            minimum=21,
        ),
        Magic(
            transport="udp",
            pattern=b"\x21\0" + bytes(11),
            mask=b"\xff\xfe" + bytes(10) + _WINDOW,
            sizes=(20, 26, 30),
        ),
    ),
)
