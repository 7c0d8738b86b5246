"""eDonkey over UDP: Kad, the hash table of its clients; questions of clients and servers."""

from backchannel.protocols import Magic, Protocol

_TWO_BYTES = ((0xE4, 0x01), (0xE4, 0x60), (0xE4, 0x59), (0xE4, 0x4C), (0xC5, 0x92), (0xC5, 0x93),
              (0xE3, 0xA2))  # fmt: skip
_SIZES = {
    (0xE4, 0x61): (4,),
    (0xE4, 0x62): (5,),
    (0xE4, 0x21): (35,),
    (0xE4, 0x34): (28,),
    (0xE4, 0x35): (26,),
    (0xE4, 0x4B): (19, 20),
    (0xE4, 0x50): (4,),
    (0xE4, 0x51): (36,),
    (0xE4, 0x52): (36,),
    (0xE4, 0x53): (21,),
    (0xE4, 0x58): (6,),
    (0xE4, 0x5A): (36, 37),
    (0xC5, 0x95): (21,),
    (0xE3, 0x96): (6,),
    (0xE3, 0xA0): (8,),
    (0xE3, 0xA2): (6,),
}
_LEAST = {
    (0xE4, 0x22): 19,
    (0xE4, 0x33): 20,
    (0xE4, 0x3B): 36,
    (0xE4, 0x43): 20,
    (0xE4, 0x44): 35,
    (0xE4, 0x45): 35,
    (0xC5, 0x90): 18,
    (0xC5, 0x91): 4,
    (0xC5, 0x94): 34,
    (0xE3, 0x90): 8,
    (0xE3, 0x92): 5,
    (0xE3, 0x94): 22,
    (0xE3, 0x97): 14,
    (0xE3, 0x98): 5,
    (0xE3, 0x99): 28,
    (0xE3, 0x9A): 18,
    (0xE3, 0x9B): 19,
    (0xE3, 0xA1): 3,
    (0xE3, 0xA3): 6,
}
_AT_18, _AT_20 = (b"\xff\xff" + bytes(size) + b"\xc0" for size in (16, 18))
_FORMED = (
    (bytes((0xE4, 0x29)) + bytes(17), _AT_18, 19),
    *((bytes((0xE4, kind)) + bytes(19), _AT_20, 22) for kind in (0x09, 0x11, 0x19)),
)

PROTOCOL = Protocol(
    name="edonkey-udp",
    title="eDonkey2000 over UDP, and Kad",
    service="edonkey",
    magic=(
        *(Magic(transport="udp", pattern=bytes(kind), sizes=(2,)) for kind in _TWO_BYTES),
        *(
            Magic(transport="udp", pattern=bytes(kind), sizes=sizes)
            for kind, sizes in _SIZES.items()
        ),
        *(
            Magic(transport="udp", pattern=bytes(kind), minimum=least)
            for kind, least in _LEAST.items()
        ),
        *(
            # the version or the count of what follows is small
            Magic(transport="udp", pattern=head, mask=mask, minimum=least)
            for head, mask, least in _FORMED
        ),
        *(
            Magic(transport="udp", pattern=bytes((0xE5, kind, 0x78)), minimum=12)
            for kind in (0x09, 0x29, 0x3B, 0x43, 0x44)
        ),
    ),
)
