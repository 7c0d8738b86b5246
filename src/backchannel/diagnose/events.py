"""What the doctor hears beside scan's events: each packet of ESP, each keep-alive, and what ICMP
refuses.
"""

from typing import Literal

from backchannel.events import Event


class EspPacket(Event, frozen=True, kw_only=True):
    """One packet of ESP, which scan only counts."""

    PROTOCOL = "esp"
    spi: str
    sequence: int
    """The low 32 bits."""
    octets: int
    carrier: Literal["ip", "udp"]


class Alive(Event, frozen=True, kw_only=True):
    """One keep-alive, of which scan tells the first 256 one by one."""

    PROTOCOL = "esp"


class IcmpRefusal(Event, frozen=True, kw_only=True):
    """An ICMP error that quotes a packet of IKE or ESP, and says why that did not arrive."""

    PROTOCOL = "icmp"
    reason: Literal["port", "protocol", "prohibited", "unreachable", "too-big"]
    source: str
    """The quoted packet's ends."""
    target: str
    protocol: int
    source_port: int
    target_port: int
    mtu: int = 0
    """Of a packet that was too big: how large one may be; 0 where not told."""
