"""What only AH can tell: how much was carried, in clear, and what is missing."""

from backchannel.events import Event
from backchannel.model import Capability


class AhTraffic(Event, frozen=True, kw_only=True):
    """One security association's packets on this flow so far. All figures are cumulative.

    Told for the first packet, at 16 packets, each time the number has doubled, and at the end.
    """

    CAPABILITY = Capability.TUNNEL
    PROTOCOL = "ah"
    spi: str
    """Security parameters index, eight hexadecimal digits."""
    inside: str
    """The protocol that AH covers and leaves readable."""
    packets: int
    octets: int
    first: int
    last: int
    missing: int = 0
    late: int = 0
    replayed: int = 0
    outside: int = 0
    resets: int = 0
    final: bool = False
