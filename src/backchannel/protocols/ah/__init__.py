"""AH directly over IP (protocol 51): RFC 4302."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="ah",
    title="IPsec AH",
    service="ipsec",
    magic=(Magic("ip", number=51, pattern=b"\0\0", at=2, minimum=12),),  # the reserved field
)
