"""STUN, TURN and ICE, and the calls and relayed data that share their flows."""

from backchannel.protocols import Length, Magic, Protocol, Spread

# Two zero bits, a length in whole words, the magic cookie.
_HEADER = b"\0\0\0\0\x21\x12\xa4\x42"
_MASK = b"\xc0\0\0\x03\xff\xff\xff\xff"
_WHOLE = Length(at=2, size=2, bias=20)
_RANDOM = Spread(at=4, size=16, least=6)
_MICROSOFT = b"\0\x0f\0\x04\x72\xc6\x4b\xc6"
"""The attribute that comes first in Microsoft's TURN: a cookie of its own ([MS-TURN] 2.2.2.15)."""

PROTOCOL = Protocol(
    name="stun",
    title="STUN, TURN and ICE",
    service="stun-turn",
    magic=(
        Magic("udp", pattern=_HEADER, mask=_MASK, minimum=20, length=_WHOLE),
        Magic("tcp", pattern=_HEADER, mask=_MASK, minimum=20),
        # Microsoft's TURN, which pads no attributes and of old has no cookie in its header.
        Magic(
            "udp",
            pattern=bytes(20) + _MICROSOFT,
            mask=b"\xfe" + bytes(19) + b"\xff" * len(_MICROSOFT),
            length=_WHOLE,
        ),
        # ICE over TCP: each message has its length in front (RFC 4571).
        Magic("tcp", pattern=b"\0\0" + _HEADER, mask=b"\xfc\0" + _MASK, minimum=22),
        # RFC 3489, without the cookie: binding requests and their answers.
        Magic("udp", pattern=b"\0\x01\0", minimum=20, length=_WHOLE, spread=_RANDOM),
        Magic("udp", pattern=b"\x01\x01\0", minimum=28, length=_WHOLE, spread=_RANDOM),
    ),
)
