"""SOCKS flows: connections to a proxy, and the flows that such a connection announced."""

from backchannel.effects import Inner, InnerEnd, InnerGap, Open
from backchannel.events import Gap
from backchannel.model import Claim, Confidence, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.socks import signature, wire
from backchannel.protocols.socks.contexts import Inbound, Relay
from backchannel.protocols.socks.datagrams import Datagrams
from backchannel.protocols.socks.negotiation import Negotiation
from backchannel.reader import WireError


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a negotiation that both sides agree on, or a flow that one announced."""
    context = peek.start.context
    if context is not None and isinstance(context, Inbound) and peek.transport == "tcp":
        return Claim("socks", Confidence.EXPECTED, "connection that a BIND waits for")
    if peek.transport == "udp":
        return _relayed(peek) if isinstance(context, Relay) else None
    if peek.transport != "tcp":
        return None
    verdict = signature.judge(peek.client, peek.server, peek.begun)
    flipped = verdict is None
    if flipped and peek.begun:
        verdict = signature.judge_reverse(peek.client, peek.server)
    elif flipped:
        verdict = signature.judge(peek.server, peek.client, False)
    return (
        Claim("socks", evidence=verdict, flipped=flipped) if isinstance(verdict, str) else verdict
    )


def _relayed(peek: Peek) -> Claim | None:
    """UDP has no signature of its own: only an announced flow is looked at."""
    try:
        wire.read_datagram(peek.client or peek.server)
    except WireError:
        return None
    return Claim("socks", Confidence.EXPECTED, "datagrams of a UDP ASSOCIATE")


class Arrival:
    """The connection that a BIND waits for: no byte of it is SOCKS."""

    def __init__(self, context: Inbound) -> None:
        self.service = "socks"
        self.standing = Standing.CLAIMED
        self.done = False
        label = f"{context.scheme}-bind"
        self._opening: list[Output] = [Open(host=context.owner, label=label, whole=True)]

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Hand on what *side* sent."""
        return [*self._opened(), Inner(side=side, data=data)]

    def gap(self, side: Side, size: int) -> list[Output]:
        """Hand on that bytes were never seen."""
        return [Gap(size=size), *self._opened(), InnerGap(side=side, size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        return [InnerEnd(side=side)]

    def _opened(self) -> list[Output]:
        opening, self._opening = self._opening, []
        return opening


def Session(start: Start) -> Negotiation | Datagrams | Arrival:  # noqa: N802 - what a protocol's decoder is called
    """Any SOCKS flow; the announcement, or its absence, says which part it plays."""
    context = start.context
    if start.transport == "udp":
        return Datagrams(context if isinstance(context, Relay) else Relay())
    return Arrival(context) if isinstance(context, Inbound) else Negotiation(start)
