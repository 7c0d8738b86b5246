"""Who asks, where nobody saw who opened a flow: of HTTP, the side that sends requests."""

from collections.abc import Callable
from functools import wraps

from msgspec.structs import replace

from backchannel.model import Claim, More
from backchannel.protocols import Peek

Recogniser = Callable[[Peek], Claim | More | None]


def either_way(recognise: Recogniser) -> Recogniser:
    """Have a recogniser of clients' requests look at both sides of a flow joined midway, which may
    have begun with an answer.
    """

    @wraps(recognise)
    def asked(peek: Peek) -> Claim | More | None:
        said = recognise(peek)
        if said is not None or peek.begun or not peek.server or peek.transport != "tcp":
            return said
        start = replace(peek.start, client=peek.start.server, server=peek.start.client)
        said = recognise(Peek(peek.transport, peek.server, peek.client, False, start))
        return replace(said, flipped=not said.flipped) if isinstance(said, Claim) else said

    return asked
