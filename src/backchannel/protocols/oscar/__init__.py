"""OSCAR: what AIM speaks, and ICQ since 2000. FLAP frames that carry SNAC messages over TCP."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="oscar",
    title="OSCAR (AIM and ICQ)",
    service="aim",
    magic=(
        # FLAP sign-on frame, protocol version 1.
        Magic(
            "tcp",
            b"\x2a\x01\0\0\0\0\0\0\0\x01",
            b"\xff\xff\0\0\0\0\xff\xff\xff\xff",
        ),
        # FLAP data frame with a SNAC: family and subtype below 0x40, flags of few bits.
        Magic(
            "tcp",
            b"\x2a\x02\0\0\0\0\0\0\0\0\0\0",
            b"\xff\xff\0\0\0\0\xff\xc0\xff\xc0\x7f\xf0",
        ),
        # FLAP keep-alive, the frame that an idle session is joined at.
        Magic("tcp", b"\x2a\x05\0\0\0\0", b"\xff\xff\0\0\xff\xff", sizes=(6,)),
    ),
)
