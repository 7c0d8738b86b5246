"""What AnyDesk tells everybody on the network, and what its connections show."""

from typing import Literal

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


class AnydeskConnection(Event, frozen=True, kw_only=True):
    """A connection between two programs, or of one with a relay, as a certificate shows."""

    CAPABILITY = Capability.REMOTE_ASSISTANCE
    shown: Literal["program", "relay"]
    """Whose certificate it is. Relays carry sessions, and keep in touch with programs that wait for
    some."""
    by: Literal["client", "server"]
    """Which end of the connection showed it; who asks shows a program's to relays, too."""
