"""ESP directly over IP (protocol 50): RFC 4303. In UDP and TCP it belongs to `ike`."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="esp",
    title="IPsec ESP",
    service="ipsec",
    magic=(
        Magic("ip", number=50, minimum=8),
    ),  # the rest is for `recognise`: an SPI is a random number
)
