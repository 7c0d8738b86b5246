"""SOCKS 4, 4a and 5."""

from backchannel.protocols import Length, Magic, Protocol

# A greeting is 05, a count of methods from 1 to 255, the methods; 05 00 is how DCE/RPC opens.
_ANY_COUNT = (
    *((count, 0xFF) for count in range(1, 0x10)),
    *((bit, bit) for bit in (0x10, 0x20, 0x40, 0x80)),
)
_WHOLE = Length(at=1, size=1, bias=2, whole=False)
_USUAL = (b"\x05\x01\x00", b"\x05\x01\x02", b"\x05\x02\x00\x01", b"\x05\x02\x00\x02",
          b"\x05\x03\x00\x01\x02")  # fmt: skip

PROTOCOL = Protocol(
    name="socks",
    title="SOCKS 4, 4a and 5",
    service="socks",
    magic=(
        *(
            Magic(
                transport="tcp",
                pattern=bytes((5, count)),
                mask=bytes((0xFF, mask)),
                length=_WHOLE,
                first=True,
                unanswered=True,
            )
            for count, mask in _ANY_COUNT
        ),
        *(Magic(transport="tcp", pattern=usual, sizes=(len(usual),)) for usual in _USUAL),
        Magic(transport="tcp", pattern=b"\x05\x00", sizes=(2,), first=True),
        *(
            Magic(transport="tcp", pattern=bytes((4, command)), minimum=9, first=True)
            for command in (1, 2, 0xF0)
        ),
    ),
)
