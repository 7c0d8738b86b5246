"""Who said what a negotiation tells."""

from backchannel.effects import Spoken
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


def attributed(side: Side, told: list[Output]) -> list[Output]:
    """Say who said what was told while bytes of *side* came: one side may be ahead of its turn.
    What is broken was brought by *side*.
    """
    out: list[Output] = []
    now = side
    for output in told:
        speaker = side if isinstance(output, Malformed) else _SPEAKERS.get(type(output), now)
        if speaker is not now:
            now = speaker
            out.append(Spoken(side=now))
        out.append(output)
    return out
