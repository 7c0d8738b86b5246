"""What is known of a stream that ended with a claim. A value, so that it can leave its process."""

import msgspec

from backchannel.engine.observation import FlowInfo
from backchannel.engine.stream import Stream
from backchannel.model import Confidence, Endpoint


class Ended(msgspec.Struct, frozen=True, kw_only=True):
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

    @property
    def inner(self) -> bool:
        """True where another stream carried it."""
        return self.depth > 0


def ended(stream: Stream, *, packets: int, octets: int, first: int, last: int) -> Ended:
    """Return what is known of *stream*, which must have a claim; figures are its flow's."""
    client, server = stream.start.client, stream.start.server
    if stream.side_flip:
        client, server = server, client
    stack, protocol, service, confidence, account = stream.standpoint()
    return Ended(
        flow=stream.flow,
        stack=stack,
        protocol=protocol,
        service=service,
        confidence=confidence,
        evidence=_evidence(stream),
        account=account,
        client=client,
        server=server,
        target=stream.target,
        depth=stream.depth,
        frame=stream.claim_frame,
        packets=packets,
        octets=octets,
        first=first,
        last=last,
    )


def _evidence(stream: Stream) -> str:
    claim = stream.claim
    assert claim is not None
    if stream.protocol is not None and stream.protocol.context and stream.named:
        return f"name {stream.named[1]}"
    return claim.evidence
