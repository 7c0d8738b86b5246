"""QUIC: the name a client asks for, in a first flight whose keys everybody can derive.

The magic in a picture: a long header (two highest bits set) that says Initial, and a known version
behind it. Datagrams with an Initial have 1200 bytes at least (RFC 9000 §14.1).
"""

from backchannel.protocols import Magic, Protocol

_FIRST, _VERSION = 0xF0, b"\xff\xff\xff\xff"
SMALLEST = 1200


def _initial(kind: int, version: bytes, mask: bytes = _VERSION) -> Magic:
    """Return the magic of an Initial of *version*, whose type is *kind*."""
    return Magic(
        transport="udp",
        pattern=bytes([0xC0 | kind << 4]) + version,
        mask=bytes([_FIRST]) + mask,
        minimum=SMALLEST,
    )


PROTOCOL = Protocol(
    name="quic",
    title="QUIC",
    service="quic",
    context=True,
    sealed=True,
    magic=(
        _initial(0, b"\x00\x00\x00\x01"),
        _initial(1, b"\x6b\x33\x43\xcf"),
        _initial(0, b"\xff\x00\x00\x10", b"\xff\xff\xff\xf0"),  # the drafts 22 to 34
        _initial(0, b"\xff\x00\x00\x20", b"\xff\xff\xff\xf0"),
        _initial(0, b"\xfa\xce\xb0\x00", b"\xff\xff\xff\xf0"),  # Facebook's, of the drafts' time
    ),
)
