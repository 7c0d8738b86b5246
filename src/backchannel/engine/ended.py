"""What is known of a stream that ended with a claim. A value, so that it can leave its process."""

import msgspec

from backchannel.engine.logins import Group
from backchannel.engine.observation import FlowInfo
from backchannel.engine.stream import Stream
from backchannel.model import Confidence, Endpoint

COMPARED = 64


class Ended(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A stream that ended: whose it was, and its figures."""

    flow: FlowInfo
    stack: str
    protocol: str
    service: str
    confidence: Confidence
    evidence: str
    """What the claim rests on."""
    account: str
    client: Endpoint
    """Who is the client by the bytes: for a stream joined in the middle not always the flow's."""
    server: Endpoint
    target: Endpoint | None
    """Where an inner stream leads; None for a flow of its own."""
    depth: int
    frame: int
    """Of the packet that made the claim."""
    packets: int
    """Of its flow; 0 for an inner stream."""
    octets: int
    first: int
    last: int
    """Nanoseconds since 1970."""
    name: str = ""
    """The server's name, where one that stands for a service was told for it."""
    tied: tuple[str, ...] = ()
    """Protocols of flows that one login or tunnel ties together, its own among them; of COMPARED
    flows at most."""

    @property
    def inner(self) -> bool:
        """True where another stream carried it."""
        return self.depth > 0


def ended(stream: Stream, packets: int, octets: int, first: int, last: int) -> Ended:
    """Return what is known of *stream*, which must have a claim; figures are its flow's."""
    claim = stream.claim
    assert claim is not None
    client, server = stream.parties()
    if claim.flipped:
        client, server = server, client
    stack, protocol, service, confidence, account = stream.standpoint()
    evidence, named, group = claim.evidence, stream.named, stream.login()
    if named and stream.protocol is not None and stream.protocol.context:
        evidence = f"name {named[1]}"
    return Ended(  # in the order of the fields: words for them would take as long again
        stream.info(),
        stack,
        protocol,
        service,
        confidence,
        evidence,
        account,
        client,
        server,
        stream.target,
        stream.depth,
        stream.claim_frame,
        packets,
        octets,
        first,
        last,
        named[1] if named else "",
        _tied(group) if group is not None else (),
    )


def _tied(group: Group) -> tuple[str, ...]:
    """Return the protocols of a group's flows. Most have the one of the flow before."""
    found: set[str] = set()
    last: str | None = None
    for number, protocol in enumerate(group.flows.values()):
        if number == COMPARED:
            break
        if protocol is not last:
            last = protocol
            found.add(protocol)
    return tuple(sorted(found))
