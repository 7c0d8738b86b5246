"""The transport over UDP that a remote desktop (RDP) opens beside its TCP connection."""

from backchannel.protocols import Magic, Protocol

_ALLOWED = b"\xe5\xff"
"""Of a first packet's flags: may be set are those of a lossy channel, an id and a version."""
_SIZE = 1132
"""Bytes that the smallest of them has: it is filled up with zeros."""
_LEAST = 26
"""Bytes that data has."""

PROTOCOL = Protocol(
    name="rdp-udp",
    title="RDP over UDP",
    service="rdp",
    magic=(
        Magic(
            transport="udp",
            pattern=b"\xff\xff\xff\xff\0\0\0\x01\0\0\0\0\x04\0\x04",
            mask=b"\xff\xff\xff\xff\0\0" + _ALLOWED + b"\0\0\0\0\xff\0\xff",
            minimum=_SIZE,
        ),
        Magic(
            transport="udp",
            at=6,
            pattern=b"\0\x05\0\0\0\0\x04\0\x04",
            mask=_ALLOWED + b"\0\0\0\0\xff\0\xff",
            minimum=_SIZE,
        ),
        # Data amid a transport: an acknowledgement of up to two bytes, two numbers, TLS or DTLS.
        *(
            Magic(
                transport="udp",
                at=6,
                pattern=b"\0\x0c\0\0" + bytes(10) + b"\x14" + version,
                mask=b"\xfb\x9f\xff\xfc" + bytes(10) + b"\xfc" + mask,
                minimum=_LEAST,
            )
            for version, mask in ((b"\x03\0", b"\xff\xfc"), (b"\xfe\xfd", b"\xff\xfd"))
        ),
    ),
)
