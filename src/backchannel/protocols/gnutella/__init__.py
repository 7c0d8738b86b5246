"""Gnutella 0.4 and 0.6: servents, their searches and downloads, over TCP, UDP and HTTP."""

from backchannel.protocols import Length, Magic, Protocol

_KINDS = (0x00, 0x01, 0x02, 0x31, 0x32, 0x40, 0x41, 0x44, 0x80, 0x81)
_STREAM_KINDS = (0x00, 0x01, 0x30, 0x31, 0x32, 0x40, 0x80, 0x81)

PROTOCOL = Protocol(
    name="gnutella",
    title="Gnutella",
    service="gnutella",
    magic=(
        Magic(transport="tcp", pattern=b"GNUTELLA CONNECT/"),
        Magic(transport="tcp", pattern=b"GNUTELLA/0."),
        Magic(transport="tcp", pattern=b"GNUTELLA OK\n\n"),
        Magic(transport="tcp", pattern=b"GIV "),
        Magic(transport="tcp", pattern=b"PUSH guid:"),
        Magic(transport="tcp", pattern=b"CHAT CONNECT/0."),
        # Web caches and downloads look like the web but for their targets and headers, which
        # stand anywhere in the request; the recogniser looks at the request line first.
        Magic(transport="tcp", pattern=b"GET "),
        Magic(transport="tcp", pattern=b"HEAD /"),
        Magic(transport="tcp", pattern=b"HTTP/1."),
        # Messages amid a stream: a known kind, TTL and hops below 16, a size below 64 KiB.
        *(
            Magic(
                transport="tcp",
                at=16,
                pattern=bytes([kind, 0, 0, 0, 0, 0, 0]),
                mask=b"\xff\xf0\xf0\0\0\xff\xff",
                minimum=23,
            )
            for kind in _STREAM_KINDS
        ),
        # A datagram is one message, whose size fills it exactly.
        *(
            Magic(
                transport="udp",
                at=16,
                pattern=bytes([kind]),
                minimum=23,
                length=Length(at=19, size=4, bias=23, little=True),
            )
            for kind in _KINDS
        ),
        Magic(transport="udp", pattern=b"GTA\0", mask=b"\xff\xff\xff\x0c", minimum=8),
    ),
)
