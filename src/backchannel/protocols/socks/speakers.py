"""Who said what a negotiation tells."""

from backchannel.effects import Inner, Spoken
from backchannel.events import (
    Credential,
    Malformed,
    ProxyAnswer,
    ProxyRequest,
    SignOn,
    SignOnAnswer,
)
from backchannel.model import Side
from backchannel.protocols import Output

_SPEAKERS: dict[type, Side] = {
    SignOn: Side.CLIENT,
    Credential: Side.CLIENT,
    ProxyRequest: Side.CLIENT,
    SignOnAnswer: Side.SERVER,
    ProxyAnswer: Side.SERVER,
}


def attributed(side: Side, told: list[Output], inbound: bool = False) -> list[Output]:
    """Say who said what was told while bytes of *side* came: one side may be ahead of its turn.
    What is broken was brought by *side*. *inbound*: inside the sides are the other way round.
    """
    out: list[Output] = []
    now = side
    for output in told:
        if isinstance(output, Malformed):
            speaker = side
        elif isinstance(output, Inner):
            speaker = output.side.other if inbound else output.side
        else:
            speaker = _SPEAKERS.get(type(output), now)
        if speaker is not now:
            now = speaker
            out.append(Spoken(side=now))
        out.append(output)
    return out
