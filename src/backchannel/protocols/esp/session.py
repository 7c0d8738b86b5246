"""ESP directly over IP: both directions' packets in, figures of each association out.

The number in the IP header vouches for it. Where that is not known, AH, which has the same
transport here, is told apart by its own header.
"""

from backchannel.effects import Tie
from backchannel.events import Gap
from backchannel.model import Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.ah.wire import read_header as read_ah
from backchannel.protocols.esp.flow import HEADER, EspFlow

ESP = 50
"""The IP protocol number."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow of the IP protocol whose packets begin with an SPI and are no AH."""
    first = peek.client or peek.server
    number = peek.start.number or (0 if read_ah(first) is not None else ESP)
    # SPIs up to 255 are reserved (RFC 4303 §2.1), but keys set by hand come with any. 0 is none.
    reserved = first[: 4 if peek.start.number else 3].strip(b"\0") == b""
    if peek.transport != "ip" or number != ESP or len(first) < HEADER or reserved:
        return None
    return Claim("esp", evidence=f"ESP packet, SPI {first[:4].hex()}")


class Session:
    """One address pair's ESP. See `EspFlow` for what is kept."""

    service = "ipsec"

    def __init__(self, start: Start) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self._esp = EspFlow(start, "ip")
        self._known = self._esp.tables
        self._tie: Tie | None = hosts(start)

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one packet of *side*, from the SPI on."""
        known = self._esp.find(side, data)
        if known is not None:
            self.standing = Standing.PARSED
            return self._esp.count(side, known, data)
        told = self._esp.add(side, data)
        if self._tie is not None:
            told, self._tie = [self._tie, *told], None
        if self._known[side.other]:
            self.standing = Standing.PARSED
        return told

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - any side's
        """Packets were lost; the sequence numbers tell which."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """Tell the last figures of *side*."""
        return self._esp.end(side)


def hosts(start: Start) -> Tie:
    """Tie to what else the two hosts do without address translation: their IKE on UDP 500."""
    first, second = sorted((start.client.address, start.server.address))
    return Tie(key=f"ipsec/{first}/{second}")
