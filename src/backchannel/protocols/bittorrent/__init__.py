"""What BitTorrent peers say to each other: what they have, what they want, and the pieces."""

from backchannel.protocols import Magic, Protocol, random_opening

_BLOCKS = b"\0\0\x3f\xff"
"""Blocks begin at multiples of 16 KiB, and all programs ask for that much."""

PROTOCOL = Protocol(
    name="bittorrent",
    title="BitTorrent peers",
    service="bittorrent",
    magic=(
        Magic(transport="tcp", pattern=b"\x13BitTorrent protocol"),
        # Amid a stream: a request for a block, its end, or its refusal; and a block that comes.
        *(
            Magic(
                transport="tcp",
                pattern=b"\0\0\0\x0d" + kind + bytes(8) + b"\0\0\x40\0",
                mask=b"\xff" * 5 + bytes(4) + _BLOCKS + b"\xff" * 4,
                minimum=17,
            )
            for kind in (b"\x06", b"\x08", b"\x10")
        ),
        Magic(
            transport="tcp",
            pattern=b"\0\0\x40\x09\x07" + bytes(8),
            mask=b"\xff" * 5 + b"\xff\0\0\0" + _BLOCKS,
            minimum=17,
        ),
        # The random number that opens an encrypted connection; what is behind it may be in clear.
        random_opening.magic(),
    ),
)
