"""OFT: how AIM and ICQ clients send each other files, and browse each other's shared folders."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="oft",
    title="OFT (AIM and ICQ file transfer)",
    service="aim",
    magic=(
        # "OFT2" or "OFT3", a header length below 1024, one of the types.
        Magic("tcp", b"OFT\x32\0\0\0\0", b"\xff\xff\xff\xfe\xfc\x00\xec\xf0"),
        # A frame of the rendezvous proxy: length, version 044a, type, zeros.
        Magic(
            "tcp",
            b"\0\0\x04\x4a\0\0\0\0\0\0",
            b"\xff\0\xff\xff\xff\xf8\xff\xff\xff\xff",
        ),
    ),
)
