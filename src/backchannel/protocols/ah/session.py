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
from backchannel.protocols.esp.session import hosts

AH = 51
"""The IP protocol number."""
SAS = 64
CREDULOUS = 256
"""Associations told of at their first packet; later ones at their second, as for ESP."""
REPORT = 16


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow of the IP protocol whose packets begin with an AH header."""
    first = peek.client or peek.server
    if peek.transport != "ip" or peek.start.number not in (0, AH) or not looks_like(first):
        return None
    return Claim("ah", evidence=f"AH header, SPI {first[4:8].hex()}")


class Association(Sequence):
    """One SPI towards one side: its sequence, what it covers, and whether it was told of."""

    __slots__ = ("inside", "spi", "told")

    def __init__(self, header: Header, size: int) -> None:
        super().__init__(header.sequence, size)
        self.spi = header.spi.hex()
        self.inside = PROTOCOLS.get(header.inside, str(header.inside))
        self.told = False


class Session:
    """One address pair's AH."""

    service = "ipsec"

    def __init__(self, start: Start) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self._tables: tuple[dict[bytes, Association], dict[bytes, Association]] = ({}, {})
        self._receivers = start.server.address, start.client.address
        self._tie: Tie | None = hosts(start)
        self._begun = self._broken = 0

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one packet of *side*, from the next-header field on."""
        header = read_header(data)
        if header is None:
            return self._malformed(data)
        known = self._tables[side].get(header.spi)
        if known is None:
            return self._begin(side, header, len(data))
        self.standing = Standing.PARSED
        if not known.add(header.sequence, len(data)):
            return []
        if not known.told:
            return self._introduce(side, known)
        known.attend = max(REPORT, 2 * known.packets)
        return [_figures(known)]

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - any side's
        """Packets were lost; the sequence numbers tell which."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """Tell the last figures of *side*."""
        table = self._tables[side]
        told: list[Output] = [_figures(known, final=True) for known in table.values() if known.told]
        table.clear()
        return told

    def _begin(self, side: Side, header: Header, size: int) -> list[Output]:
        table = self._tables[side]
        told: list[Output] = []
        if self._tie is not None:
            told.append(self._tie)
            self._tie = None
        if len(table) >= SAS:
            oldest = table.pop(next(iter(table)))
            told += [_figures(oldest, final=True)] if oldest.told else []
        table[header.spi] = known = Association(header, size)
        self._begun += 1
        if self._tables[side.other]:
            self.standing = Standing.PARSED
        if self._begun <= CREDULOUS:
            told += self._introduce(side, known)
        return told

    def _introduce(self, side: Side, known: Association) -> list[Output]:
        known.told, known.attend = True, REPORT
        tie = Tie(key=f"ah/{self._receivers[side]}/{known.spi}")
        return [tie, _figures(known)]

    def _malformed(self, data: bytes) -> list[Output]:
        self._broken += 1
        if self._broken & (self._broken - 1):  # told when their number has doubled
            return []
        reason = f"no AH header in a packet of {len(data)} bytes, {self._broken} so far"
        return [Malformed(reason=reason)]


def _figures(known: Association, *, final: bool = False) -> AhTraffic:
    return AhTraffic(
        spi=known.spi,
        inside=known.inside,
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
