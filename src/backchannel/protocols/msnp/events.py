"""What only MSN says."""

from backchannel.events import Event
from backchannel.model import Capability


class ChatLogging(Event, frozen=True, kw_only=True):
    """A program tells others whether it keeps what is said (`Chat-Logging`)."""

    CAPABILITY = Capability.MESSAGE
    account: str
    keeps: bool
