"""OpenVPN over UDP and TCP, in TLS mode."""

from backchannel.protocols import Magic, Protocol, Spread

# A client's reset has exact sizes: plain, with the HMACs of tls-auth, and in tls-crypt's wrapping.
_RESETS = (14, 38, 42, 50, 54, 70, 86)
_SESSION = Spread(at=1, size=8, least=4)
_FRAMED = Spread(at=3, size=8, least=4)
_KEY_ID = b"\xf8"

PROTOCOL = Protocol(
    name="openvpn",
    title="OpenVPN",
    service="openvpn",
    magic=(
        Magic("udp", pattern=b"\x38", sizes=_RESETS, spread=_SESSION),
        Magic("udp", pattern=b"\x08", sizes=_RESETS, spread=_SESSION),
        Magic("udp", pattern=b"\x50", minimum=200, spread=_SESSION, first=True),
        # The server's, as far as it is in clear: it acknowledges the client's packet 0.
        Magic("udp", pattern=b"\x40", sizes=(26, 50, 54, 62, 66, 72, 82, 98), spread=_SESSION),
        # Data with a peer number, as servers hand them out, or without one.
        Magic("udp", pattern=b"\x48\0\0\0", mask=_KEY_ID + b"\xff\xfc\0", minimum=28),
        Magic("udp", pattern=b"\x48\xff\xff\xff", mask=_KEY_ID + b"\xff\xff\xff", minimum=28),
        *(
            Magic(
                "tcp",
                pattern=b"\0\0" + opcode,
                mask=b"\xff\0\xff",
                sizes=tuple(2 + size for size in _RESETS),
                spread=_FRAMED,
                unanswered=True,
            )
            for opcode in (b"\x38", b"\x08")
        ),
        Magic("tcp", pattern=b"\0\0\x50", mask=b"\xf8\0\xff", minimum=200, spread=_FRAMED),
    ),
)
