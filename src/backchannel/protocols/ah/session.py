"""AH directly over IP: both directions' packets in, figures of each association out.

AH encrypts nothing: what it carries is in clear, and the packet core shows it to whoever asks.
Memory: SAS associations a side.
"""

from backchannel.effects import Tie
from backchannel.events import Gap, Malformed
from backchannel.model import Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.ah.events import AhTraffic
from backchannel.protocols.ah.wire import PROTOCOLS, Header, looks_like, read_header
from backchannel.protocols.esp.sequence import Sequence

AH = 51
"""The IP protocol number."""
SAS = 64
REPORT = 16


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow of the IP protocol whose packets begin with an AH header."""
    first = peek.client or peek.server
    if peek.transport != "ip" or peek.start.number not in (0, AH) or not looks_like(first):
        return None
    return Claim("ah", evidence=f"AH header, SPI {first[4:8].hex()}")


class Session:
    """One address pair's AH."""

    service = "ipsec"

    def __init__(self, start: Start) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self._tables: tuple[dict[bytes, Sequence], dict[bytes, Sequence]] = ({}, {})
        self._inside: dict[tuple[Side, bytes], int] = {}
        self._receivers = start.server.address, start.client.address
        first, second = sorted(self._receivers)
        self._tie: Tie | None = Tie(key=f"ipsec/{first}/{second}")
        self._broken = 0

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one packet of *side*, from the next-header field on."""
        header = read_header(data)
        if header is None:
            return self._malformed(data)
        known = self._tables[side].get(header.spi)
        if known is None:
            return self._begin(side, header, len(data))
        self.standing = Standing.PARSED
        if known.add(header.sequence, len(data)):
            known.attend = max(REPORT, 2 * known.packets)
            return [self._figures(side, header.spi, known)]
        return []

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - any side's
        """Packets were lost; the sequence numbers tell which."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """Tell the last figures of *side*."""
        table = self._tables[side]
        told: list[Output] = [
            self._figures(side, spi, known, final=True) for spi, known in table.items()
        ]
        table.clear()
        return told

    def _begin(self, side: Side, header: Header, size: int) -> list[Output]:
        table = self._tables[side]
        told: list[Output] = []
        if self._tie is not None:
            told.append(self._tie)
            self._tie = None
        if len(table) >= SAS:
            oldest = next(iter(table))
            told.append(self._figures(side, oldest, table.pop(oldest), final=True))
            self._inside.pop((side, oldest), None)
        table[header.spi] = known = Sequence(header.sequence, size)
        known.attend = REPORT
        self._inside[side, header.spi] = header.inside
        told.append(Tie(key=f"ah/{self._receivers[side]}/{header.spi.hex()}"))
        told.append(self._figures(side, header.spi, known))
        if self._tables[side.other]:
            self.standing = Standing.PARSED
        return told

    def _malformed(self, data: bytes) -> list[Output]:
        self._broken += 1
        if self._broken & (self._broken - 1):  # told when their number has doubled
            return []
        reason = f"no AH header in a packet of {len(data)} bytes, {self._broken} so far"
        return [Malformed(reason=reason)]

    def _figures(
        self, side: Side, spi: bytes, known: Sequence, *, final: bool = False
    ) -> AhTraffic:
        inside = self._inside.get((side, spi), 0)
        return AhTraffic(
            spi=spi.hex(),
            inside=PROTOCOLS.get(inside, str(inside)),
            packets=known.packets,
            octets=known.octets,
            first=known.first,
            last=known.last,
            missing=known.missing,
            late=known.late,
            replayed=known.replayed,
            outside=known.outside,
            resets=known.resets,
            final=final,
        )
