"""What is asked of Tor's directory."""

from backchannel.events import Event
from backchannel.model import Capability


class TorDirectory(Event, frozen=True, kw_only=True):
    """Somebody fetches a part of Tor's directory, or hands one in."""

    CAPABILITY = Capability.TUNNEL
    what: str
    """`consensus`, `votes`, `relays`, `microdescriptors`, `extra-info`, `keys`, `onion-service` or
    `upload`."""
    target: str
    """The path that is asked for, cut short."""
