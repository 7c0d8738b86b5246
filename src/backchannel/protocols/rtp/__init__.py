"""RTP and RTCP: voice and video of calls that some other flow arranged, or that none did."""

from backchannel.protocols import Length, Magic, Protocol

# Two bits of version are no signature. Only headers without padding, extension and sources are let
# through (0x80), with payload types that exist: one random datagram in 450. What passes is claimed
# only for as long as the datagrams that follow count up as RTP must.
_ORDINARY = b"\xff\x60"
_VIDEO = b"\xff\x7c"

PROTOCOL = Protocol(
    name="rtp",
    title="RTP/RTCP media",
    service="rtp",
    magic=(
        Magic(transport="udp", pattern=b"\x80\x00", mask=_ORDINARY, minimum=20),
        Magic(transport="udp", pattern=b"\x80\x60", mask=_ORDINARY, minimum=20),
        Magic(transport="udp", pattern=b"\x80\x20", mask=_VIDEO, minimum=20),
        # Reports, one after the other to the last byte; encrypted ones are told by nobody.
        Magic(
            transport="udp",
            pattern=b"\x80\xc8\x00",
            mask=b"\xe0\xfe\xff",
            minimum=8,
            length=Length(at=2, size=2, unit=4, bias=4, chain=True),
        ),
    ),
)
