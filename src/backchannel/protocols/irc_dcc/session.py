"""One announced connection: a chat's lines, or a file and the counts of what came of it.

Holds what its part holds: `chat` a line a side, `file` three bytes. Of what is inside TLS nothing
can be seen, and of a file whose beginning was not seen the bytes have no place.
"""

from backchannel.events import Gap
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.irc.context import DccOffer
from backchannel.protocols.irc_dcc.chat import Chat
from backchannel.protocols.irc_dcc.file import Sent
from backchannel.protocols.irc_dcc.recognise import TLS, recognise

__all__ = ["Session", "recognise"]


class Session:
    """Both directions of one connection."""

    def __init__(self, start: Start) -> None:
        self.service = "irc"
        offer = start.context
        self._part: Chat | Sent | None = None
        if isinstance(offer, DccOffer) and not offer.secure:
            if offer.kind == "chat":
                self._part = Chat(start, offer)
            elif start.begun:
                self._part = Sent(offer)
        self._spoken = False

    @property
    def standing(self) -> Standing:
        """What the part thinks of it."""
        return self._part.standing if self._part is not None else Standing.CLAIMED

    @property
    def done(self) -> bool:
        """Whether no more of it is wanted."""
        return self._part is None or self._part.done

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if isinstance(self._part, Chat) and not self._spoken and data[:1] == TLS[:1]:
            self._part = None
        self._spoken = True
        return self._part.feed(side, data) if self._part is not None else []

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        if isinstance(self._part, Chat):
            self._part.gap(side)
        elif self._part is not None:
            self._part.gap(side, size)
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        return self._part.end(side) if self._part is not None else []

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a line of a chat and not ended it."""
        return isinstance(self._part, Chat) and self._part.partial(side)
