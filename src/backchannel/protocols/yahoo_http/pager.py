"""YMSG polled over HTTP: each POST brings packets of the client, each answer packets for it.

    POST /notify   body: one YMSG packet
    answer         number of packets, u32 little-endian | YMSG packets

    POST /notify   body: one YPNS packet, without the zeros at its end that its length counts
    answer         YPNS packets

All polls of a sign-on are one conversation: its packets carry the session number that the first
answer hands out. So a request waits for its answer (one packet, at most 64 KiB), and then both go
into the inner stream that this number names.

Sources: jYMSG HTTPConnectionHandler; Miranda's http_gateway.c; libyahoo 0.18.4
yahoo_sendcmd_http and VintageHive YpnsPacket.cs, for YPNS.
"""

from backchannel.effects import Inner, InnerGap, Open
from backchannel.events import Malformed
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.ymsg import wire
from backchannel.protocols.ypns import session as ypns

_COUNT = 4
_OLD = (b"YPNS", b"YHOO")
_MARKS = (wire.MARK, *_OLD)
_LONGEST = 1 << 20


class Pager:
    """What the polls of one connection carry. Holds one request, and the open channel's name."""

    def __init__(self, client: str, host: str) -> None:
        self._client, self._host = client, host
        self._asked = bytearray()
        self._answered = bytearray()
        self._lost = 0

    def request(self) -> "Poll":
        """Return the sink of the next request's body."""
        return Poll(self, Side.CLIENT)

    def answer(self) -> "Poll":
        """Return the sink of the next answer's body."""
        return Poll(self, Side.SERVER)

    def take(self, side: Side, piece: bytes) -> None:
        """Keep *piece* of a body, up to a bound."""
        held = self._asked if side is Side.CLIENT else self._answered
        if len(held) + len(piece) > _LONGEST:
            self._lost += len(piece)
            return
        held += piece

    def flush(self) -> list[Output]:
        """Hand on what was asked and answered."""
        asked, answered = bytes(self._asked), bytes(self._answered)
        self._asked.clear()
        self._answered.clear()
        told: list[Output] = []
        if answered and answered[:4] not in _MARKS:
            if answered[_COUNT : _COUNT + 4] not in (wire.MARK, b""):
                told.append(Malformed(reason="an answer to a poll that holds no YMSG packets"))
                answered = b""
            answered = answered[_COUNT:]
        if asked and asked[:4] not in _MARKS:
            told.append(Malformed(reason="a poll that holds no YMSG packet"))
            asked = b""
        if not asked and not answered:
            return told
        session = _session(asked) or _session(answered)
        channel = f"{self._client} {session:08x}"
        shared = session != 0
        told.append(Open(channel=channel, shared=shared, host=self._host, port=80))
        for side, data in ((Side.CLIENT, asked), (Side.SERVER, answered)):
            if data:
                told.append(Inner(side=side, data=_whole(data), channel=channel, shared=shared))
        if self._lost:
            told.append(InnerGap(side=Side.SERVER, size=self._lost, channel=channel, shared=shared))
            self._lost = 0
        return told

    def lose(self, side: Side) -> None:
        """Part of a body was never seen: what came of it cannot be framed."""
        (self._asked if side is Side.CLIENT else self._answered).clear()


def _whole(packets: bytes) -> bytes:
    """Return *packets* with what a YPNS packet's length counts and HTTP left out."""
    size = int.from_bytes(packets[8:12], "little")
    if packets[:4] != _OLD[0] or size > ypns.LONGEST:
        return packets
    return packets.ljust(size, b"\0")


def _session(packets: bytes) -> int:
    if packets[:4] in _OLD:
        return int.from_bytes(packets[20:24], "little")
    return int.from_bytes(packets[16:20], "big") if len(packets) >= wire.HEADER else 0


class Poll:
    """The body of one poll, or of its answer."""

    def __init__(self, pager: Pager, side: Side) -> None:
        self._pager, self._side = pager, side

    def data(self, piece: bytes) -> list[Output]:
        """Keep *piece*."""
        self._pager.take(self._side, piece)
        return []

    def skip(self, size: int) -> list[Output]:  # noqa: ARG002 - a Sink's shape
        """Give up this body."""
        self._pager.lose(self._side)
        return []

    def done(self) -> list[Output]:
        """An answer completes the exchange."""
        return self._pager.flush() if self._side is Side.SERVER else []
