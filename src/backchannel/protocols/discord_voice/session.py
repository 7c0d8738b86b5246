"""A client and a voice server: address discovery, then media. Datagrams in, events out.

Media's headers are in clear, so that `rtp` counts them as those of an announced call; once media
goes both ways, or after WATCHED datagrams, nothing more is read. Held: what `rtp` holds.
"""

from backchannel.decoder import Decoder
from backchannel.events import Gap, PeerAddress
from backchannel.model import MORE, Capability, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.discord_voice import wire
from backchannel.protocols.rtp.events import MediaStream
from backchannel.protocols.rtp.session import Session as Media
from backchannel.protocols.rtp.session import within

WATCHED = 200
_VOICE = Capability.VOICE_VIDEO
_PARSED = Standing.PARSED
_CLIENT, _SERVER = Side
_PING = Claim("discord-voice", evidence="ping 1337cafe, sent back")
_DISCOVERY = {
    (answers, flipped): Claim(
        "discord-voice",
        evidence="answer to an address discovery" if answers else "address discovery",
        flipped=flipped,
    )
    for answers in (False, True)
    for flipped in (False, True)
}
"""What the claims of many flows have in common."""
_BOTH = 1 << _CLIENT | 1 << _SERVER


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a discovery by either side's half of it, and a ping once it came back."""
    if peek.transport != "udp":
        return None
    first, other = peek.client, peek.server
    if wire.is_ping(first):
        fits = _PING if first == other else None
        return fits if other else MORE
    for data, flipped in ((first, False), (other, True)):
        found = wire.read_discovery(data)
        if found is not None:
            return _DISCOVERY[found.answers, found.answers is not flipped]
    return None


class Session(Decoder):
    """One client's datagrams to one voice server."""

    def __init__(self, start: Start) -> None:
        self.service = "discord"
        self.standing = Standing.CLAIMED
        self.done = False
        self._accounts = start.accounts
        self._media: Media | None = None
        """Made with the first datagram of it."""
        self._heard = 0
        self._asked = -1
        """The SSRC that the client asked for."""
        self._pinged = b""
        self._told = False
        self._going = 0
        """Who is known to send media: a bit for each side."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*."""
        if self.done:
            return []
        self._heard += 1
        told = self._take(side, data)
        if self._going == _BOTH or self._heard >= WATCHED:
            self.done, self._media = True, None
        return told

    def _take(self, side: Side, data: bytes) -> list[Output]:
        if wire.is_ping(data):
            self._ping(side, data)
            return []
        if (found := wire.read_discovery(data)) is not None:
            return self._discovery(side, found)
        if wire.is_control(data):
            return []
        if self._media is None:
            self._media = within(self.service, self._accounts)
        told = self._media.feed(side, data)
        for event in told:
            if isinstance(event, MediaStream):
                self._going |= 1 << side
        return told

    def _ping(self, side: Side, data: bytes) -> None:
        if side is _CLIENT:
            self._pinged = data
        elif data == self._pinged:
            self.standing = _PARSED

    def _discovery(self, side: Side, found: wire.Discovery) -> list[Output]:
        if found.answers is not (side is _SERVER):
            return []
        if not found.answers:
            self._asked = found.ssrc
            return []
        if found.ssrc == self._asked:
            self.standing = _PARSED
        if self._told:  # a client that hears nothing asks again
            return []
        self._told = True
        return [
            PeerAddress(
                use=_VOICE,
                account="",
                address=found.address,
                port=found.port,
                transport="udp",
                how="ip-discovery",
            )
        ]

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - any side's
        """Datagrams have no holes; only a truncated capture says so."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is summed up: media was only looked at until it went both ways."""
        return []
