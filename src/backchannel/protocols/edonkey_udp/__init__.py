"""eDonkey over UDP: Kad, the hash table of its clients; questions of clients and servers."""

from backchannel.protocols import Magic, Protocol

_KAD, _CLIENT, _SERVER, _PACKED = 0xE4, 0xC5, 0xE3, 0xE5
_ONE, _TWO, _FOUR, _EIGHT = 0xFF, 0xFE, 0xFC, 0xF8
"""Masks of a kind: alone, or with those beside it."""
_SIZED = (
    (_KAD, 0x01, _ONE, (2,)),
    (_KAD, 0x21, _ONE, (35,)),
    (_KAD, 0x34, _TWO, (26, 28)),
    (_KAD, 0x48, _EIGHT, (2, 19, 20)),
    (_KAD, 0x50, _FOUR, (4, 21, 36)),
    (_KAD, 0x58, _FOUR, (2, 6, 36, 37)),
    (_KAD, 0x60, _FOUR, (2, 4, 5)),
    (_CLIENT, 0x92, _TWO, (2,)),
    (_CLIENT, 0x95, _ONE, (21,)),
    (_SERVER, 0x96, _ONE, (6,)),
    (_SERVER, 0xA0, _ONE, (8,)),
    (_SERVER, 0xA2, _ONE, (2, 6)),
)
"""Kinds of few sizes."""
_AT_LEAST = (
    (_KAD, 0x22, _ONE, 19),
    (_KAD, 0x33, _ONE, 20),
    (_KAD, 0x3B, _ONE, 36),
    (_KAD, 0x43, _ONE, 20),
    (_KAD, 0x44, _TWO, 35),
    (_CLIENT, 0x90, _TWO, 4),
    (_CLIENT, 0x94, _ONE, 34),
    (_SERVER, 0x90, _FOUR, 5),
    (_SERVER, 0x94, _ONE, 22),
    (_SERVER, 0x97, _ONE, 14),
    (_SERVER, 0x98, _TWO, 5),
    (_SERVER, 0x9A, _TWO, 18),
    (_SERVER, 0xA1, _ONE, 3),
    (_SERVER, 0xA3, _ONE, 6),
)
_SMALL = b"\xc0"
"""Of a node's version, and of a count of nodes, the upper bits are 0."""

PROTOCOL = Protocol(
    name="edonkey-udp",
    title="eDonkey2000 over UDP, and Kad",
    service="edonkey",
    magic=(
        *(
            Magic(
                transport="udp", pattern=bytes((first, kind)), mask=bytes((_ONE, mask)), sizes=sizes
            )
            for first, kind, mask, sizes in _SIZED
        ),
        *(
            Magic(
                transport="udp",
                pattern=bytes((first, kind)),
                mask=bytes((_ONE, mask)),
                minimum=least,
            )
            for first, kind, mask, least in _AT_LEAST
        ),
        Magic(
            transport="udp",
            pattern=bytes((_KAD, 0x29, *bytes(17))),
            mask=b"\xff\xff" + bytes(16) + _SMALL,
            minimum=19,
        ),
        *(
            Magic(
                transport="udp",
                pattern=bytes((_KAD, kind, *bytes(19))),
                mask=bytes((_ONE, mask, *bytes(18))) + _SMALL,
                minimum=22,
            )
            for kind, mask in ((0x09, _ONE), (0x11, 0xF7))
        ),
        Magic(transport="udp", pattern=bytes((_PACKED, 0, 0x78)), mask=b"\xff\0\xff", minimum=12),
    ),
)
