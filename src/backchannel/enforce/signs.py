"""What a flow shows in use, from what its sessions say: pairs of service and capability.

A sign says that a capability is used now, not that it was spoken of: an answer that declines a
file, or an address that somebody told, uses nothing.
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from backchannel.contract import Output
from backchannel.effects import FileOpen
from backchannel.engine.stream import Stream
from backchannel.events import MENTIONS, Event, NameLearned, Offer, OfferAnswer, tag_of
from backchannel.model import Capability, Confidence, Side, Standing

BOUND: dict[str, Capability] = {
    "bittorrent": Capability.FILE_SHARING,
    "bittorrent-utp": Capability.FILE_SHARING,
    "oft": Capability.FILE_TRANSFER,
    "msnftp": Capability.FILE_TRANSFER,
    "msn-webcam": Capability.VOICE_VIDEO,
    "yahoo-webcam": Capability.VOICE_VIDEO,
    "discord-voice": Capability.VOICE_VIDEO,
    "telegram-call": Capability.VOICE_VIDEO,
    "t120": Capability.APP_SHARING,
    "rdp": Capability.REMOTE_ASSISTANCE,
    "msn-p2p": Capability.FILE_TRANSFER,  # a direct connection; without it all goes by the server
}
"""Protocols that are there for one thing, so that the protocol alone is the sign."""

CARRIERS = frozenset({"socks", "http-proxy"})
"""Protocols that only carry others: done with once what they carry is."""

OFFERED = frozenset(
    (
        Capability.FILE_TRANSFER,
        Capability.IMAGE,
        Capability.VOICE_VIDEO,
        Capability.GAME,
        Capability.APP_SHARING,
        Capability.REMOTE_ASSISTANCE,
        Capability.WHITEBOARD,
    )
)
"""Used by an offer or by opening a file: signs that are sure, whichever service it is."""


class Sign(msgspec.Struct, frozen=True):
    """One thing that a stream does."""

    stream: Stream
    protocol: str
    """The stream's protocol when it did: a claim that is withdrawn takes its signs with it."""
    capability: Capability | None
    """None: the service itself, whatever it does."""
    why: str
    """What showed it, in a few words."""
    service: str = ""
    """Where it is known better than by the stream."""
    name: str = ""
    """A host name that tells the service."""
    sure: bool = False
    """Bytes of a file come next, a name was told or a file offered: act even if the claim is not
    proved yet."""

    @property
    def stands(self) -> bool:
        """Whether the stream still is what it was then."""
        return self.stream.spoken == self.protocol and not self.stream.deaf

    @property
    def proved(self) -> bool:
        """Whether to act on it now."""
        return self.sure or proved(self.stream)

    @property
    def anonymous(self) -> bool:
        """Whether the service is only its protocol's usual one: a transfer that nobody announced
        looks the same for all services that share its protocol.
        """
        stream = self.stream
        if self.protocol not in BOUND or stream.start.service or stream.protocol is None:
            return False
        return stream.service in ("", stream.protocol.service) and stream.group is None

    @property
    def settled(self) -> bool:
        """Whether nothing that is known later can change what was decided."""
        return self.proved and bool(self.service or self.name or self.stream.service)


def proved(stream: Stream) -> bool:
    """Say whether we are sure enough of a stream's protocol to refuse it."""
    if stream.claim is None:
        return False
    if stream.standing is Standing.PARSED or stream.confidence is Confidence.EXPECTED:
        return True
    if stream.claim.sure and stream.standing is not Standing.REFUTED:
        return True
    return not stream.start.begun and getattr(stream.session, "aligned", False)


def known(stream: Stream | None) -> bool:
    """Say whether it is proved what a flow is, so that it is judged by that although whoever
    decoded it wants no more: perhaps with the very packet that proved it.
    """
    if stream is None or stream.deaf or stream.protocol is None or stream.protocol.context:
        return False
    return proved(stream)


def amid(stream: Stream) -> bool:
    """Say whether a stream of which a single message showed what it is may go on with something
    that began before it was met.
    """
    if stream.standing is Standing.PARSED or stream.confidence is Confidence.EXPECTED:
        return False
    return getattr(stream.session, "amid", False)


def of_output(stream: Stream, output: Output) -> Sign | None:
    """Return the sign in something a session said."""
    if isinstance(output, FileOpen):
        return Sign(stream, stream.spoken, output.use, "a file's bytes begin", sure=True)
    if isinstance(output, NameLearned):
        if output.how == "dns":
            return None  # of another host: its flow will tell
        why = f"{output.how} {output.name}"
        return Sign(stream, stream.spoken, None, why, name=output.name, sure=True)
    if not isinstance(output, Event) or isinstance(output, MENTIONS):
        return None
    if output.capability is None or (isinstance(output, OfferAnswer) and not output.accepted):
        return None
    sure = isinstance(output, Offer)  # nothing else looks like a whole one
    return Sign(stream, stream.spoken, output.capability, tag_of(type(output)), sure=sure)


def of_stream(stream: Stream) -> Iterator[Sign]:
    """Yield the signs in what a flow and the streams inside it are."""
    for each in tree(stream):
        if each.claim is not None and not each.deaf:
            context = each.protocol is not None and each.protocol.context
            if not context:
                yield Sign(each, each.spoken, None, each.claim.evidence)
            if each.start.purpose is not None and not each.bare:
                yield Sign(
                    each, each.spoken, each.start.purpose, each.claim.evidence, each.start.service
                )
            if each.spoken in BOUND:
                yield Sign(each, each.spoken, BOUND[each.spoken], each.claim.evidence)


def possible(stream: Stream) -> Iterable[str]:
    """Return the protocols that a stream may turn out to be, by what was claimed of it or by who
    asks for more bytes.
    """
    if stream.claim is not None:
        return (stream.spoken,)
    waiting = stream.answer is not None and not stream.deaf
    return [each.name for each in stream.candidates or ()] if waiting else ()


def within_message(stream: Stream, side: Side) -> Iterator[str]:
    """Yield the protocols of which *side* has begun a message and not ended it, as far as can be
    told: its session's, or those that ask for more bytes to know the stream as theirs.
    """
    if stream.deaf:
        return
    if stream.session is None:
        if stream.answer is not None and stream.peeked[side]:
            yield from (each.name for each in stream.candidates or () if each.bit & stream.holding)
        return
    ask: Callable[[Side], bool] | None = getattr(stream.session, "partial", None)
    if ask is not None and ask(side.other if stream.side_flip else side):
        yield stream.spoken


def tree(stream: Stream) -> Iterator[Stream]:
    """Yield a stream and all streams inside it."""
    yield stream
    for child in (stream.children or {}).values():
        yield from tree(child)
