"""Whether a flow is what an offer announced: nothing else can tell."""

from backchannel.model import Claim, Confidence
from backchannel.protocols import Peek
from backchannel.protocols.irc.context import DccOffer
from backchannel.protocols.irc_dcc.parties import sending

TLS = b"\x16\x03"


def recognise(peek: Peek) -> Claim | None:
    """Claim an announced flow, unless its first bytes speak against it."""
    offer = peek.start.context
    if not isinstance(offer, DccOffer) or peek.transport != "tcp":
        return None
    what = "file" if offer.kind == "send" else "chat"
    both = peek.client, peek.server
    secure = any(data[:2] == TLS for data in both)
    if offer.secure or (secure and offer.kind == "chat"):
        fits = secure
    elif offer.kind == "chat":
        fits = not any(b"\0" in data for data in both)
    else:
        fits = _counts(both[sending(offer).other], offer.size)
    if not fits:
        return None
    named = [name or "somebody" for name in (offer.sender, offer.recipient)]  # one joined midway
    evidence = f"{what} that {named[0]} offered {named[1]}"
    return Claim("irc-dcc", Confidence.EXPECTED, evidence)


def _counts(data: bytes, size: int | None) -> bool:
    """Whether who receives a file says nothing, or how many bytes it has, in 32 or 64 bits."""
    if len(data) < 4 or size is None:
        return True
    return int.from_bytes(data[:4]) <= size
