"""Gnutella 0.4 and 0.6: servents, their searches and downloads, over TCP, UDP and HTTP."""

from backchannel.protocols import Length, Magic, Protocol, Spread

_KINDS = (0x00, 0x01, 0x02, 0x31, 0x32, 0x40, 0x41, 0x44, 0x80, 0x81)
_STREAM_KINDS = (0x00, 0x01, 0x30, 0x31, 0x32, 0x40, 0x80, 0x81)
_ANY_ID = (0x30, 0x31, 0x32)
"""Kinds whose message id need not be random."""
_RANDOM_ID = Spread(at=0, size=16, least=6)

_HEADERS = (
    b"gnutella",
    b"urn:",
    b"x-queue",
    b"x-alt",
    b"x-nalt",
    b"x-falt",
    b"x-node",
    b"x-fw-node",
    b"x-thex",
    b"x-push-prox",
    b"alt-location",
)
_TARGETS = (
    b"/get/",
    b"/uri-res/",
    b"/gnet/",
    b"hostfile=1",
    b"urlfile=1",
    b"bfile=1",
    b"gwcs=1",
    b"statfile=1",
    b"get=1",
    b"update=1",
    b"ping=1",
    b"?ip=",
    b"&ip=",
    b"?ip1=",
    b"&ip1=",
    b"?url=http",
    b"&url=http",
)
_SERVENTS = (b"limewire", b"bearshare", b"shareaza", b"morpheus", b"gnucleus")

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
        Magic(transport="tcp", pattern=b"QUEUE "),
        Magic(transport="tcp", pattern=b"CHAT CONNECT/0."),
        # Web caches and downloads look like the web but for their targets and headers, which
        # stand anywhere in the head.
        Magic(transport="tcp", pattern=b"GET ", anywhere=(*_TARGETS, *_HEADERS)),
        Magic(transport="tcp", pattern=b"HEAD /", anywhere=(*_TARGETS, *_HEADERS)),
        Magic(transport="tcp", pattern=b"HTTP/1.", anywhere=(*_HEADERS, *_SERVENTS)),
        # Messages amid a stream: a known kind, TTL and hops below 16 and not both 0, a size below
        # 64 KiB.
        *(
            Magic(
                transport="tcp",
                at=16,
                pattern=bytes([kind, 0, 0, 0, 0, 0, 0]),
                mask=b"\xff\xf0\xf0\0\0\xff\xff",
                some=(b"\0\x0f\x0f",),
                spread=None if kind in _ANY_ID else _RANDOM_ID,
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
                spread=None if kind in (*_ANY_ID, 0x44) else _RANDOM_ID,
                minimum=23,
                length=Length(at=19, size=4, bias=23, little=True),
            )
            for kind in _KINDS
        ),
        Magic(transport="udp", pattern=b"GTA\0", mask=b"\xff\xff\xff\x0c", minimum=8),
    ),
)
