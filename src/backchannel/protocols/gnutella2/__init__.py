"""Gnutella2: hubs and leaves over TCP, searches and answers over UDP, one format of packets."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="gnutella2",
    title="Gnutella2",
    service="gnutella",
    magic=(
        Magic(transport="tcp", pattern=b"GNUTELLA CONNECT/0.6\r\n"),
        Magic(transport="tcp", pattern=b"GNUTELLA/0.6 "),
        # Of the flags that a receiver must know, deflate (1) and acknowledge-me (2) are defined.
        Magic(transport="udp", pattern=b"GND\0", mask=b"\xff\xff\xff\x0c", minimum=8),
    ),
)
