"""The ESP packets of one flow, counted by security association. Packets in, figures out.

    SPI u32, at least 256 | sequence u32, from 1 | encrypted: payload, padding, next header | ICV

Nothing but those eight bytes is in clear, so ESP is known by what they do over several packets:
one SPI, a sequence that rises, and lengths that are multiples of four (RFC 4303 §2.4). Where the
carrier does not vouch for it, `EspFlow` keeps silent until it is `proved`, or sets `refuted`.

Memory: SAS associations a side of about a kilobyte each, whatever comes.
"""

from typing import Literal

from backchannel.effects import Tie
from backchannel.events import Anomaly, Malformed
from backchannel.model import Side
from backchannel.protocols import Output, Start
from backchannel.protocols.esp.cleartext import inside
from backchannel.protocols.esp.events import EspTraffic
from backchannel.protocols.esp.sequence import Sequence
from backchannel.reader import u32_at

HEADER = 8
SHORTEST = 20
"""Header, the shortest payload with its trailer, and the shortest ICV in use (8 bytes)."""
SAS = 64
"""Associations followed on each side at once; the oldest gives way and is reported."""
UNPROVED_SAS = 4
CREDULOUS = 256
"""Associations of a flow that are told of at their first packet; later ones at their second, so
that packets with random SPIs cannot make an event each."""
SAMPLES = 8
"""Packets of an association looked at for cleartext."""
REPORT = 16
STALLS = 8
"""Packets in a row that neither follow their association nor begin one, of which nothing good
can be said."""
OPENVPN = range(0x48, 0x50)
"""First bytes of OpenVPN's data packets, which have a peer number and a rising number as well; its
pings are all of one size, and all else is of any size. Both its ends send such packets."""
DOUBTFUL = 64
"""Packets in sequence that are needed where it might be OpenVPN."""


def plausible(packet: bytes) -> bool:
    """Say whether *packet* can be ESP as far as one packet tells."""
    return not len(packet) & 3 and possible(packet)


def possible(packet: bytes) -> bool:
    """Say whether *packet* can be ESP of which the capture may have cut the end off."""
    octets = packet
    if len(packet) < SHORTEST or not octets[0] | octets[1] | octets[2]:
        return False
    return number(packet) != 0


def number(packet: bytes) -> int:
    """Return the sequence number of a packet of at least HEADER bytes."""
    return u32_at(packet, 4)


class Association(Sequence):
    """One SPI towards one side: its sequence, what is inside, and whether it was told of.
    `associate` makes it.
    """

    __slots__ = ("cleartext", "spi", "told")
    spi: str
    cleartext: str
    told: bool


def associate(spi: bytes, packet: bytes) -> Association:
    """Return the association that *packet* begins, without the call that `__init__` would be."""
    made = Association.__new__(Association)
    made.begin(number(packet), len(packet))
    made.spi, made.cleartext, made.told = spi.hex(), inside(packet), False
    return made


class EspFlow:
    """Both directions' associations. *needed* packets that follow each other are the proof."""

    def __init__(
        self, start: Start, carrier: Literal["ip", "udp", "tcp"], *, needed: int = 0
    ) -> None:
        self.tables: tuple[dict[bytes, Association], dict[bytes, Association]] = ({}, {})
        self.proved = needed == 0
        self.refuted = False
        self.cut = 0
        """The size at which the capture cuts packets, which then need not be a multiple of four."""
        self._needed = needed
        self._stalls = 0
        self._follows = self._doubtful = 0  # packets in sequence; those that might be OpenVPN's
        self._clear = False  # an SPI was seen that cannot be OpenVPN's
        self._carrier = carrier
        self._by_hand = carrier == "ip"
        """Whether there can be SPIs that RFC 4303 §2.1 reserves."""
        self._receivers = start.server.address, start.client.address
        self._untold = self._stumps = self._begun = 0
        self._plain = start.reads(EspTraffic, cleartext="", replayed=0, final=True)
        """Whether somebody reads the last figures of an association in which nothing stands out."""

    def find(self, side: Side, packet: bytes) -> Association | None:
        """Return the association that *packet* of *side* belongs to; None where its SPI is new."""
        table, octets = self.tables[side], packet
        if not table or len(packet) < HEADER:
            return None
        if not self._by_hand and not octets[0] | octets[1] | octets[2]:  # IKE's marker, mostly
            return None
        return table.get(octets[:4])

    def vouch(self, side: Side) -> list[Output]:
        """Something else shows that this is ESP: tell what was held back."""
        if self.proved:
            return []
        self.proved = True
        told: list[Output] = []
        for sender in (side, 1 - side):
            for association in self.tables[sender].values():
                told += self._introduce(sender, association)
        return told

    def settle(self, follows: int) -> bool:
        """Say whether nothing speaks against ESP, and at least *follows* packets for it."""
        return not self.refuted and self._shown(follows)

    def add(self, side: Side, packet: bytes) -> list[Output]:
        """Count *packet*, sent by *side*; it begins with the SPI."""
        known = self.find(side, packet)
        return self._begin(side, packet) if known is None else self.count(side, known, packet)

    def count(self, side: Side, known: Association, packet: bytes) -> list[Output]:
        """Count a packet of a *known* association."""
        if not self.proved:
            return self._weigh(side, known, packet)
        if known.add(number(packet), len(packet)):
            return self._attend(side, known, packet)
        return []

    def end(self, side: Side) -> list[Output]:
        """Tell the last figures of what *side* sent, if it was proved to be ESP."""
        if not self.proved:
            return []
        table = self.tables[side]
        told: list[Output] = [self._last(one) for one in table.values() if one.told]
        table.clear()
        return told

    # -- before the proof ----------------------------------------------------------------------

    def _weigh(self, side: Side, known: Association, packet: bytes) -> list[Output]:
        if self._odd(packet):
            self.refuted = True
            return []
        if known.follows(number(packet)):
            if packet[0] not in OPENVPN:
                self._follows += 1
            elif known.octets != known.packets * len(packet):
                self._doubtful += 1
            self._stalls = 0
        else:
            self._stall()
        known.add(number(packet), len(packet))
        known.cleartext = known.cleartext or inside(packet)
        return self.vouch(side) if self._shown(self._needed) else []

    def _shown(self, follows: int) -> bool:
        """Say whether enough packets came in sequence, *follows* where it cannot be OpenVPN."""
        return (self._clear and self._follows >= follows) or self._doubtful >= DOUBTFUL

    def _odd(self, packet: bytes) -> bool:
        return bool(len(packet) & 3) and len(packet) != self.cut

    def _stall(self) -> None:
        self._stalls += 1
        self.refuted = self.refuted or self._stalls >= STALLS

    # -- associations --------------------------------------------------------------------------

    def _begin(self, side: Side, packet: bytes) -> list[Output]:
        if len(packet) < HEADER:
            return self._strange(packet)
        table, octets = self.tables[side], packet
        reserved = not octets[0] | octets[1] | octets[2]
        if reserved and not (self._by_hand and octets[3]):
            return self._strange(packet)
        if not self.proved and (self._odd(packet) or len(table) >= UNPROVED_SAS):
            self.refuted = True
            return []
        spi = octets[:4]
        if octets[0] not in OPENVPN:
            self._clear = True
        elif not self.proved and spi in self.tables[1 - side]:
            self.refuted = True  # a peer number: each side chooses its SPI alone
            return []
        association = associate(spi, packet)
        told = self._reserved(packet) if reserved else []
        if len(table) >= SAS:
            told += self._make_room(table)
        table[spi] = association
        self._begun += 1
        if not self.proved:
            self._stall()
        elif self._begun <= CREDULOUS:
            told += self._introduce(side, association)
        elif not self._begun & (self._begun - 1):  # told when their number has doubled
            told.append(Anomaly(kind="many-spis", detail=f"{self._begun} SPIs on one flow"))
        return told

    def _strange(self, packet: bytes) -> list[Output]:
        """Too short, or an SPI that cannot be."""
        if not self.proved:
            self.refuted = True
            return []
        if len(packet) >= HEADER:
            return self._reserved(packet)
        self._stumps += 1
        if self._stumps & (self._stumps - 1):  # told when their number has doubled
            return []
        return [Malformed(reason=f"ESP packet of {len(packet)} bytes")]

    def _reserved(self, packet: bytes) -> list[Output]:
        """An SPI that RFC 4303 §2.1 reserves: 0 is none, others come with keys set by hand."""
        self._untold += 1
        if self._untold & (self._untold - 1):
            return []
        spi = int.from_bytes(packet[:4], "big")
        return [
            Anomaly(kind="reserved-spi", detail=f"SPI {spi}, {self._untold} such packets so far")
        ]

    def _make_room(self, table: dict[bytes, Association]) -> list[Output]:
        oldest = table.pop(next(iter(table)))
        return [self._last(oldest)] if oldest.told else []

    def _introduce(self, side: int, association: Association) -> list[Output]:
        """An SPI is unique for its receiver, which stays while the sender's address changes."""
        association.told = True
        tie = Tie(key=f"esp/{self._receivers[side]}/{association.spi}")
        return [tie, self._figures(association)]

    # -- figures -------------------------------------------------------------------------------

    def _attend(self, side: Side, known: Association, packet: bytes) -> list[Output]:
        packets = known.packets
        if packets <= SAMPLES:
            known.cleartext = known.cleartext or inside(packet)
            known.attend = packets + 1 if packets < SAMPLES else REPORT
            return [] if known.told else self._introduce(side, known)
        known.attend = max(REPORT, 2 * packets)
        return [self._figures(known)]

    def _last(self, known: Association) -> Output:
        if self._plain or known.cleartext or known.replayed:
            return self._figures(known, True)
        return EspTraffic

    def _figures(self, known: Association, final: bool = False) -> EspTraffic:
        return EspTraffic(
            spi=known.spi,
            carrier=self._carrier,
            packets=known.packets,
            octets=known.octets,
            first=known.first,
            last=known.last,
            missing=known.missing,
            late=known.late,
            replayed=known.replayed,
            outside=known.outside,
            resets=known.resets,
            cleartext=known.cleartext,
            final=final,
        )
