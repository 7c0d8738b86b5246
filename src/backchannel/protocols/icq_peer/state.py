"""What one connection between clients must remember."""

import msgspec

from backchannel.model import Side
from backchannel.protocols import Start
from backchannel.protocols.bounded import remember
from backchannel.protocols.icq_peer.contexts import Announced
from backchannel.protocols.icq_peer.wire import Init

MOST_OFFERS = 64


class State(msgspec.Struct):
    """One connection's memory; at most MOST_OFFERS offers wait for their answers."""

    start: Start
    init: Init | None = None
    caller: Side = Side.CLIENT
    """Who sent the first init."""
    version: int = 0
    """What both agreed on: the lower of theirs."""
    names: dict[Side, str] = msgspec.field(default_factory=dict)
    """UIN of each side, where it is known."""
    offers: dict[int, Announced] = msgspec.field(default_factory=dict)

    def name(self, side: Side) -> str:
        """Return the UIN of *side*, empty where it is not known."""
        return self.names.get(side, "")

    def offer(self, sequence: int, what: Announced) -> None:
        """Keep an offer until it is answered."""
        remember(self.offers, sequence, what, MOST_OFFERS)
