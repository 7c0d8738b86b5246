"""What uTP tells beside the stream that it carries."""

from backchannel.events import Event
from backchannel.model import Capability


class UtpConnection(Event, frozen=True, kw_only=True):
    """A connection inside a flow of uTP; told once, at its end."""

    CAPABILITY = Capability.FILE_SHARING
    id: int
    """The smaller of its two connection ids."""
    sent: int
    """Bytes that came in order from who opened it, or from the flow's client where that is not
    known."""
    received: int
    """Bytes that came back."""
    lost: int = 0
    """Packets that were acknowledged and not captured."""
    readable: bool = False
    """It opened with a plain handshake of peers, or its beginning was not seen."""
    ended: str = ""
    """`fin` or `reset`; empty where the capture does not show it."""
