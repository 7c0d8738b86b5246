"""Who is at which end of an announced connection."""

from backchannel.model import Side
from backchannel.protocols.irc.context import DccOffer


def name_at(offer: DccOffer, side: Side) -> str:
    """Return the name at *side*: who offers listens, unless the offer was passive."""
    offers = (side is Side.SERVER) is not offer.passive
    return offer.sender if offers else offer.recipient


def sending(offer: DccOffer) -> Side:
    """Return the side that sends an offered file."""
    return Side.CLIENT if offer.passive else Side.SERVER
