"""TLS: who wants which name, by what program; and no byte of what it protects."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="tls",
    title="TLS and SSL 3",
    service="tls",
    context=True,
    magic=(
        # A handshake record; both hellos (1 and 2) differ in the lowest two bits only. Also amid a
        # flow: behind STARTTLS, and where nobody saw the flow begin.
        Magic(
            transport="tcp",
            pattern=b"\x16\x03\x00\x00\x00\x00\x00",
            mask=b"\xff\xff\xf8\x80\x00\xfc\x00",
        ),
        # SSL 2's hello, as old programs send it to servers of SSL 3 and TLS 1.
        Magic(transport="tcp", pattern=b"\x80\0\x01\x03\0", mask=b"\xff\0\xff\xff\xf8", first=True),
    ),
)
