"""IKEv1 and IKEv2 with what travels beside them: ESP in UDP, NAT keep-alives, TCP encapsulation.

The magic in a picture: an ISAKMP header has its version at byte 17 and its whole length at byte
24; behind a non-ESP marker (four zero bytes) both come four bytes later, in TCP six.
"""

from backchannel.protocols import Length, Magic, Protocol, Spread

_ANY = b"\0"  # compared with a mask of zero bits


def _pattern(parts: tuple[tuple[bytes, int], ...]) -> tuple[bytes, bytes]:
    """Return pattern and mask of (bytes, mask of each byte) parts."""
    pattern = b"".join(part for part, _ in parts)
    return pattern, b"".join(bytes([mask]) * len(part) for part, mask in parts)


_VERSION_1 = 0x10, 0xFF
_VERSION_2 = 0x20, 0xF0  # receivers ignore its minor number (RFC 7296 §2.5)


def _header(version: tuple[int, int], at: int) -> Magic:
    """A message of *version* that fills its datagram, behind *at* zero bytes."""
    pattern, mask = _pattern(((bytes(at), 0xFF), (_ANY * 17, 0), (bytes([version[0]]), version[1])))
    if not at:
        pattern, mask = pattern[17:], mask[17:]
    return Magic(
        "udp",
        pattern=pattern,
        mask=mask,
        at=0 if at else 17,
        minimum=28 + at,
        length=Length(at=24 + at, size=4, bias=at),
    )


def _opening(
    first: tuple[int, int], version: tuple[int, int], exchange: tuple[int, int], at: int
) -> Magic:
    """The first message: no responder's SPI, then first payload, version and exchange."""
    pattern, mask = _pattern(
        (
            (bytes(at), 0xFF),
            (_ANY * 8, 0),
            (bytes(8), 0xFF),
            (bytes([first[0]]), first[1]),
            (bytes([version[0]]), version[1]),
            (bytes([exchange[0]]), exchange[1]),
        )
    )
    skip = 0 if at else 8
    return Magic("udp", pattern=pattern[skip:], mask=mask[skip:], at=skip, minimum=28 + at)


_SA_INIT = (0x21, 0xF7), _VERSION_2, (0x22, 0xFF)  # SA, or a notify with the cookie
_PHASE_1 = (0x01, 0xFF), _VERSION_1, (0x00, 0xF8)  # SA; base, main, aggressive


def _framed(version: tuple[int, int], exchange: tuple[int, int]) -> Magic:
    """A message of *version* at the start of a TCP segment: length, non-ESP marker, header."""
    version_and_exchange = (bytes([version[0]]), version[1]), (bytes([exchange[0]]), exchange[1])
    pattern, mask = _pattern(((bytes(4), 0xFF), (_ANY * 17, 0), *version_and_exchange))
    return Magic("tcp", pattern=pattern, mask=mask, at=2)


PROTOCOL = Protocol(
    name="ike",
    title="IPsec IKE",
    service="ipsec",
    alone=True,
    ports=(("udp", 4500), ("udp", 500)),  # an old SA's ESP: a random number and a large one
    magic=(
        _header(_VERSION_1, 0),
        _header(_VERSION_2, 0),
        _header(_VERSION_1, 4),
        _header(_VERSION_2, 4),
        _opening(*_PHASE_1, 0),
        _opening(*_SA_INIT, 0),
        _opening(*_PHASE_1, 4),
        _opening(*_SA_INIT, 4),
        Magic("udp", pattern=b"\xff", sizes=(1,)),  # a NAT keep-alive
        # ESP in UDP from its beginning: an SPI of 256 or more, a sequence number from 1 to 15, and
        # padding to whole words
        Magic(
            "udp",
            pattern=bytes(8),
            mask=bytes(4) + b"\xff\xff\xff\xf0",
            some=(b"\xff\xff\xff", bytes(7) + b"\x0f"),
            spread=Spread(at=8, size=16, least=4),  # also where nothing is encrypted
            multiple=4,
            minimum=32,
            first=True,
        ),
        Magic("tcp", pattern=b"IKETCP", first=True),
        _framed(_VERSION_1, (0x00, 0xD8)),  # exchanges 0-7 and 32-39
        _framed(_VERSION_2, (0x20, 0xF0)),
    ),
)
