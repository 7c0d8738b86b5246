"""Who sends what to whom: the envelope that all channels of a message share."""

import msgspec

from backchannel.events import Message
from backchannel.model import Side


class Letter(msgspec.Struct, frozen=True):
    """The envelope of one message."""

    cookie: bytes
    sender: str
    recipient: str
    side: Side
    """Which side of this flow sent it: the client, or the service on behalf of somebody."""

    @property
    def id(self) -> str:
        """The cookie as events show it."""
        return self.cookie.hex()

    def message(self, text: str, *, kind: str = "text", markup: str = "") -> Message:
        """Return a message with this envelope."""
        return Message(
            sender=self.sender,
            recipient=self.recipient,
            text=text,
            kind=kind,
            size=len(text),
            markup=markup,
        )
