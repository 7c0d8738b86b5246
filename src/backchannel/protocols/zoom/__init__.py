"""Zoom's meetings over UDP: a client and a media server, or two clients directly, at any port."""

from backchannel.protocols import Length, Magic, Protocol

# Behind the media server's header of eight bytes, of which the last says which way, or directly.
_OUTER = b"\x05\0\0\0\0\0\0\0"
_OUTER_MASK = b"\xff\0\0\0\0\0\0\xfa"
# RTP with an extension, as all of Zoom's is.
_RTP = b"\x90" + bytes(11) + b"\xbe\xde"
_RTP_MASK = b"\xff" + bytes(11) + b"\xff\xff"


def _media(inner: bytes, mask: bytes, length: Length | None = None) -> tuple[Magic, Magic]:
    """Return the magics of a packet of media: through a server, and directly."""
    moved = Length(at=length.at + 8, size=2, bias=length.bias + 8) if length else None
    return (
        Magic("udp", _OUTER + inner, _OUTER_MASK + mask, length=moved),
        Magic("udp", inner, mask, length=length),
    )


PROTOCOL = Protocol(
    name="zoom",
    title="Zoom media",
    service="zoom",
    magic=(
        # A client opens a flow to a media server; the answer.
        Magic(
            "udp",
            b"\x01\0\x02" + bytes(16) + b"\0\0\0\0\0\0\0\x02" + bytes(8) + b"\0\0\0",
            b"\xff\xff\xfe" + bytes(16) + b"\xff" * 8 + bytes(8) + b"\xff" * 3,
            minimum=43,
        ),
        Magic("udp", b"\x02\0\x02" + bytes(32), b"\xff\xff\xfe" + bytes(24) + b"\xff" * 8),
        # Its own kind of STUN: a question that has nothing to say, and where who asked is seen.
        Magic(
            "udp",
            b"\0\x01\0\x18" + bytes(16) + b"\x01\x01\0\x14" + b"1234567890123456789\0",
            b"\xff" * 4 + bytes(16) + b"\xff" * 24,
            sizes=(44,),
        ),
        Magic(
            "udp",
            b"\0\x02\0\x0c" + bytes(16) + b"\x01\x03\0\x08\0\x01",
            b"\xff" * 4 + bytes(16) + b"\xff" * 6,
            sizes=(32,),
        ),
        # Two clients try whether they reach each other.
        Magic(
            "udp",
            b"\x1f\x02\x01" + bytes(21) + b"\0\0\0",
            b"\xff\xff\xff" + bytes(21) + b"\xff" * 3,
            minimum=68,
        ),
        # Midway: are you there?
        Magic("udp", b"\x03\0\0" + bytes(10), b"\xff" * 3 + bytes(10)),
        Magic("udp", b"\x04\0\0" + bytes(10), b"\xff" * 3 + bytes(10)),
        # Midway: voice, whose length is told; video, screens and reports.
        *_media(
            b"\x0f" + bytes(14) + b"\0\x01\0\0\x80",
            b"\xff" + bytes(14) + b"\xff\xff\0\0\xef",
            Length(at=17, size=2, bias=19),
        ),
        *_media(
            b"\x10" + bytes(19) + b"\x02\0\0\0" + _RTP,
            b"\xff" + bytes(19) + b"\xff\0\0\0" + _RTP_MASK,
        ),
        *_media(b"\x10" + bytes(19) + _RTP, b"\xff" + bytes(19) + _RTP_MASK),
        Magic(
            "udp",
            _OUTER + b"\x0d" + bytes(6) + b"\x1e" + bytes(19) + _RTP,
            _OUTER_MASK + b"\xff" + bytes(6) + b"\xff" + bytes(19) + _RTP_MASK,
        ),
        Magic("udp", b"\x1e" + bytes(19) + _RTP, b"\xff" + bytes(19) + _RTP_MASK),
        *_media(b"\x20" + bytes(15) + b"\x80\xc8\0\x06", b"\xfc" + bytes(15) + b"\xff" * 4),
    ),
)
