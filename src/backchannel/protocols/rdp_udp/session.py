"""The beginning of RDP's transport over UDP, as far as it is in clear. Datagrams in, events out.

Two packets open it; what follows is TLS or DTLS inside a framing of its own, and is not read. The
answer acknowledges the number that the client chose, which proves both. Amid a transport, either
side acknowledges what the other sent last. Held: that number, and one a side.
"""

from backchannel.events import Gap
from backchannel.model import Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.rdp.events import DesktopTransport
from backchannel.protocols.rdp_udp.wire import Data, Opening, read_data, read_opening

ENOUGH = 16
"""Datagrams in which an answer is waited for: a client repeats itself four times."""


PORTS = (3389, 3391)
"""Where amid a transport the server is, if a port is one of these: a desktop's, a gateway's."""
NEAR = 1 << 16
"""How far an acknowledgement may be from what the other side sends."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim by either side's opening, of which who answers is the server; or by data."""
    if peek.transport != "udp":
        return None
    return _opening(peek) or _amid(peek)


def _opening(peek: Peek) -> Claim | None:
    for first, other, flipped in (
        (peek.client, peek.server, False),
        (peek.server, peek.client, True),
    ):
        asked, answered = read_opening(first), read_opening(other)
        if asked is not None and not asked.answer and (not other or _fits(asked, answered)):
            return Claim("rdp-udp", evidence="SYN of RDP over UDP", flipped=flipped)
        if not first and answered is not None and answered.answer:
            return Claim("rdp-udp", evidence="SYN and ACK of RDP over UDP", flipped=flipped)
    return None


def _amid(peek: Peek) -> Claim | None:
    sent = [read_data(data) for data in (peek.client, peek.server) if data]
    if not sent or None in sent:
        return None
    start = peek.start
    flipped = start.client.port in PORTS and start.server.port not in PORTS
    return Claim("rdp-udp", evidence="data of RDP over UDP, with TLS in it", flipped=flipped)


def _fits(asked: Opening, answered: Opening | None) -> bool:
    return answered is not None and answered.answer and answered.acknowledged == asked.number


class Session:
    """One transport beside a remote desktop's connection."""

    service = "rdp"

    def __init__(self, start: Start) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self._use, self._accounts = start.purpose, start.accounts
        self._asked: Opening | None = None
        self._sent: dict[Side, Data] = {}
        self._heard = 0

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*."""
        if self.done:
            return []
        self._heard += 1
        self.done = self._heard >= ENOUGH
        opening = read_opening(data)
        if opening is None and self._asked is None:
            return self._data(side, data)
        if opening is None or opening.answer is not (side is Side.SERVER):
            return []
        if not opening.answer:
            known, self._asked = self._asked, opening
            return [self._told(opening)] if known is None else []
        self.done = True
        if self._asked is not None and _fits(self._asked, opening):
            self.standing = Standing.PARSED
        return [self._told(opening)]

    def _data(self, side: Side, data: bytes) -> list[Output]:
        """Take what is sent amid a transport whose opening was not seen."""
        if (said := read_data(data)) is None:
            return []
        first = not self._sent
        self._sent[side] = said
        other = self._sent.get(side.other)
        if other is not None and (said.acknowledged - other.number + NEAR) % 2**32 < 2 * NEAR:
            self.standing, self.done = Standing.PARSED, True
        if not first:
            return []
        use, accounts = self._use, self._accounts
        return [DesktopTransport(use=use, accounts=accounts, accepted=True, lossy=said.lossy)]

    def _told(self, opening: Opening) -> DesktopTransport:
        return DesktopTransport(
            use=self._use,
            accounts=self._accounts,
            accepted=opening.answer,
            lossy=opening.lossy,
            version=opening.version,
        )

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - any side's
        """Packets were lost."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is held."""
        return []
