"""ODC: AIM's direct conversation between two clients, with text and inline images."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="odc",
    title="ODC (AIM Direct IM)",
    service="aim",
    magic=(
        # "ODC2", a header length below 256, type 1, subtype 6.
        Magic("tcp", b"ODC2\0\0\0\x01\0\x06", b"\xff\xff\xff\xff\xff\0\xff\xff\xff\xff"),
        # A frame of the rendezvous proxy: length, version 044a, type, zeros.
        Magic(
            "tcp",
            b"\0\0\x04\x4a\0\0\0\0\0\0",
            b"\xff\0\xff\xff\xff\xf8\xff\xff\xff\xff",
        ),
    ),
)
