"""What two clients say to each other, told: CSUP, CINF, then CGET and CSND; either may ask."""

from collections.abc import Iterator

from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.adc.state import State
from backchannel.protocols.adc.wire import Message
from backchannel.protocols.dc_files import Body, ask, read_asked
from backchannel.reader import WireError

KNOWN = frozenset({"SUP", "INF", "GET", "SND", "STA", "GFI", "RES", "MSG", "PMI"})


def tell(state: State, side: Side, message: Message) -> Iterator[Output]:
    """Tell what a message of *side* means."""
    if message.name == "INF" and (cid := message.get("ID")):
        state.clients[side] = state.nicks.get(cid, cid[:64])
    elif message.name == "GET":
        yield from ask(read_asked(list(message.words)), state.name(side), state.known)


def body(state: State, side: Side, message: Message, serial: int) -> Body | None:
    """Return what comes now from *side*; None where the message brings no bytes."""
    if message.name != "SND":
        return None
    coming = read_asked(list(message.words))
    if coming.size < 0:
        raise WireError("answer without a size")
    return Body(coming, state.name(side), state.name(side.other), state.known, serial)
