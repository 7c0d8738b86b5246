"""Who said what a negotiation tells."""

from backchannel.effects import Spoken
from backchannel.events import Credential, ProxyAnswer, ProxyRequest, SignOn, SignOnAnswer
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
    """Say who said what was told while bytes of *side* came: one side may be ahead of its turn."""
    out: list[Output] = []
    for output in told:
        speaker = _SPEAKERS.get(type(output), side)
        if speaker is not side:
            side = speaker
            out.append(Spoken(side=side))
        out.append(output)
    return out
