"""What only IRC tells."""

from backchannel.events import Event


class ChatNetwork(Event, frozen=True, kw_only=True):
    """A chat server says which network it belongs to."""

    name: str
    server: str = ""
    """The server's own name, as it says it."""
