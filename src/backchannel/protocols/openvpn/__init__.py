"""OpenVPN over UDP and TCP, in TLS mode."""

from backchannel.protocols import Magic, Protocol, Spread

# A client's reset has exact sizes: plain, with the HMACs of tls-auth, and in tls-crypt's wrapping.
_RESETS = (14, 38, 42, 50, 54, 70, 86)
_ANSWERS = 26, 50, 54, 62, 66, 72, 82, 98
_SESSION = Spread(at=1, size=8, least=4)
_FRAMED = Spread(at=3, size=8, least=4)
_KEY_ID = b"\xf8"
# Of a number below 256 the last byte is not 0: a count of acknowledgements, or a replay id; behind
# that stands a time of these decades.
_SMALL = (
    (bytes(8) + b"\xf0\xff\xff\xff", (bytes(9) + b"\x0f",)),
    *(
        (
            bytes(8 + hmac) + b"\xf0\xff\xff\0\0",
            (bytes(12 + hmac) + b"\xff", bytes(13 + hmac) + b"\xc0"),
        )
        for hmac in (0, 20, 32)
    ),
)

PROTOCOL = Protocol(
    name="openvpn",
    title="OpenVPN",
    service="openvpn",
    magic=(
        Magic("udp", pattern=b"\x38", sizes=_RESETS, spread=_SESSION),
        Magic("udp", pattern=b"\x08", sizes=_RESETS, spread=_SESSION),
        Magic("udp", pattern=b"\x50", minimum=200, spread=_SESSION, first=True),
        # The server's, as far as it is in clear: it acknowledges the client's packet 0.
        Magic("udp", pattern=b"\x40", sizes=_ANSWERS, spread=_SESSION),
        # A handshake on its way: its numbers are small.
        *(
            Magic(
                "udp",
                pattern=opcode + bytes(len(rest)),
                mask=b"\xff" + rest,
                some=some,
                spread=_SESSION,
            )
            for opcode in (b"\x20", b"\x28", b"\x58")
            for rest, some in _SMALL
        ),
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
        # A server's reset on a stream that was met on its way.
        Magic(
            "tcp",
            pattern=b"\0\0\x40",
            mask=b"\xff\0\xff",
            sizes=tuple(2 + size for size in _ANSWERS),
            spread=_FRAMED,
        ),
        # A handshake, and data, on such a stream.
        *(
            Magic(
                "tcp",
                pattern=b"\0\0" + opcode + bytes(len(rest)),
                mask=b"\xf8\0\xff" + rest,
                some=tuple(b"\0\0" + each for each in some),
                spread=_FRAMED,
            )
            for opcode in (b"\x20", b"\x28", b"\x58")
            for rest, some in _SMALL
        ),
        *(
            Magic("tcp", pattern=b"\0\0\x48" + peer, mask=b"\xf8\0\xf8" + mask, minimum=30)
            for peer, mask in ((bytes(3), b"\xff\xfc\0"), (b"\xff" * 3, b"\xff" * 3))
        ),
        Magic("tcp", pattern=b"\0\0\x50", mask=b"\xf8\0\xff", minimum=200, spread=_FRAMED),
    ),
)
