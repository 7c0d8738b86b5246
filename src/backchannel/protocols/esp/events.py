"""What only ESP can tell: how much was carried, what is missing, and who keeps a NAT open."""

from typing import Literal

from backchannel.events import Event
from backchannel.model import Capability


class EspTraffic(Event, frozen=True, kw_only=True):
    """One security association's packets on this flow so far. All figures are cumulative.

    Told for the first packet, at 16 packets, each time the number has doubled, and at the end.
    """

    CAPABILITY = Capability.TUNNEL
    PROTOCOL = "esp"
    spi: str
    """Security parameters index, eight hexadecimal digits. With the receiver it names the SA."""
    carrier: Literal["ip", "udp", "tcp"]
    packets: int
    octets: int
    """Bytes of ESP, headers and ICV included, UDP and TCP encapsulation not."""
    first: int
    """Sequence number of the first packet in order that was seen."""
    last: int
    """Highest sequence number that was seen (the low 32 bits)."""
    missing: int = 0
    """Sequence numbers between them that were not seen: lost, or not captured."""
    late: int = 0
    """Packets that filled a hole after others had passed them."""
    replayed: int = 0
    """Packets whose sequence number had been seen before: replays, or a capture that doubles."""
    outside: int = 0
    """Packets whose sequence number fits nowhere: far ahead of, or long before all others."""
    resets: int = 0
    """How often the sequence began anew."""
    cleartext: str = ""
    """The protocol inside, where the packets are NULL-encrypted; empty where they are not."""
    final: bool = False


class NatKeepalive(Event, frozen=True, kw_only=True):
    """A one-byte packet that keeps a NAT mapping open (RFC 3948 §2.3).

    Told for each of the first 256 of a side, then each time their number grew by a sixteenth.
    """

    PROTOCOL = "esp"
    count: int
    """How many of this side came so far; between two events divide the time by the difference."""
