"""What AnyDesk tells everybody on the network."""

from backchannel.events import Event
from backchannel.model import Capability


class AnydeskAnnounced(Event, frozen=True, kw_only=True):
    """A machine with AnyDesk says that it is there, and who uses it."""

    CAPABILITY = Capability.SEARCH
    host: str
    """The machine's name."""
    user: str
    """Who is signed on to it."""
    system: str = ""
    """`linux`, or the number that stands for another."""
