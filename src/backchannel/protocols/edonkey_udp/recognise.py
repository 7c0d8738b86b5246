"""Whether datagrams are eDonkey's or Kad's: read to their last byte, and both sides' where one has
too little form. An announced flow may be sealed; then the key that opens it is the proof.
"""

from backchannel.model import MORE, Claim, More, Side
from backchannel.protocols import Peek
from backchannel.protocols.edonkey.talk import Receiver
from backchannel.protocols.edonkey_udp.reading import fits
from backchannel.protocols.edonkey_udp.sealed import keys_for


def recognise(peek: Peek) -> Claim | More | None:
    """Claim flows whose first datagrams are whole messages of known kinds."""
    if peek.transport != "udp":
        return None
    sides = [data for data in (peek.client, peek.server) if data]
    kinds = [kind for data in sides if (kind := fits(data, peek.start))]
    if sides and len(kinds) == len(sides):
        strong = any(kind.strong for kind in kinds)
        # who repeats the first two bytes, as DNS does, gives no answer; but nodes ping each other
        answered = len(kinds) > 1 and (
            kinds[0] != kinds[1] or len(peek.client) == len(peek.server) == 2
        )
        if strong or answered:
            names = " and ".join(kind.name for kind in kinds)
            return Claim("edonkey-udp", evidence=f"datagrams read whole: {names}", sure=strong)
        return MORE if len(kinds) == 1 else None
    if isinstance(peek.start.context, Receiver):
        keys = keys_for(peek.start)
        if keys.open(Side.SERVER, peek.client) or keys.open(Side.CLIENT, peek.server):
            return Claim("edonkey-udp", evidence="opened with a node id or hash that was told")
    return None
