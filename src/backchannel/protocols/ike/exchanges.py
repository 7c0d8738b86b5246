"""IKE messages of one flow, in order: events, how far each SA came, and what to expect next.

A message that came before is told as a retransmission and not read again. Past MANY initiations
on one flow no further one is read: their number is told each time it doubles, so that a flood
costs next to nothing.
"""

from functools import lru_cache
from typing import Literal

from backchannel.effects import Expect, Tie
from backchannel.events import Anomaly, Malformed
from backchannel.model import Capability, Endpoint, Side
from backchannel.protocols import Output, Start
from backchannel.protocols.ike import messages, nat, registry
from backchannel.protocols.ike.association import Association, Table
from backchannel.protocols.ike.context import Float
from backchannel.protocols.ike.events import IkeMessage, IkeStage, NatDetection
from backchannel.protocols.ike.fragments import Fragments
from backchannel.protocols.ike.reading import Reading, Told, common
from backchannel.protocols.ike.stages import REPEATED, steps
from backchannel.protocols.ike.wire import (
    AGGRESSIVE,
    FRAGMENT_1,
    HEADER,
    SK,
    SKF,
    Header,
    Payload,
    payloads,
    read_header,
)
from backchannel.reader import Reader, WireError

MANY = 256
NATT_PORT = 4500
UNANSWERED = {0: "to begin", 3: "to authenticate"}
"""Ranks of stages at which a peer waits for the other, and what for."""


@lru_cache(maxsize=512)
def _names(version: int, kinds: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(registry.payload(version, kind) for kind in kinds)


Framing = Literal["plain", "non-esp-marker", "tcp", "reassembled"]


class Exchanges:
    """All IKE of one flow."""

    def __init__(self, start: Start) -> None:
        self.heard = 0
        """Messages by their headers."""
        self.whole = 0
        """Messages read without fault."""
        self._clear = 0
        self._ends: tuple[Endpoint, Endpoint] = start.client, start.server
        self._transport = start.transport
        self._told = Told(start.reads)
        self._stages: dict[str, bool] = {}
        """Whether somebody reads of a stage."""
        self._table = Table()
        self._fragments = Fragments()
        self._floated = self._tied_hosts = False
        self._ended = 0
        self._ties: set[str] = set()

    @property
    def proved(self) -> bool:
        """Whether proposals were read in clear, or two messages of any kind."""
        return self._clear > 0 or self.whole > 1

    def read(self, side: Side, data: bytes, header: Header, framing: Framing) -> list[Output]:
        """Take one message, which begins with *header*, sent by *side*."""
        self.heard += 1
        association, fresh = self._table.find(header, side)
        if fresh and self._table.begun > MANY:
            return self._flood()
        if fresh and header.exchange == AGGRESSIVE and header.opens:
            self._table.expect_credential(association)
        sender = association.sender(side)
        association.messages += 1
        association.spoke |= 1 << side
        if association.repeats(side, data):
            self.whole += 1
            return [self._message(header, sender, framing, data, None)]
        ends = self._ends[side], self._ends[1 - side]
        reading = Reading(header, association, sender, self._told, ends)
        told, seen = self._payloads(reading, side, data, framing)
        told += self._progress(reading, side, seen)
        if reading.nat_hashes:
            told += self._judge(reading)
        if not self._tied_hosts or association.key not in self._ties:
            told += self._tie(association, header, framing)
        return told

    def esp_seen(self) -> list[Output]:
        """ESP flows beside IKE: the last SA is up, if it was under way."""
        latest = self._table.latest()
        if latest is None or latest.rank < 3 or not latest.step("established"):
            return []
        return [self._stage(latest, None, "established", "ESP flows")]

    def end(self) -> list[Output]:
        """A side ended; when both have, tell what never got an answer."""
        self._ended += 1
        if self._ended != len(Side):
            return []
        told: list[Output] = []
        for association in self._table.held():
            told += self._verdict(association, None)
            if association.rank in UNANSWERED and association.spoke.bit_count() == 1:
                detail = f"{association.messages} messages, {UNANSWERED[association.rank]}"
                told.append(self._stage(association, None, "unanswered", detail))
        return told

    # -- one message ---------------------------------------------------------------------------

    def _payloads(
        self, reading: Reading, side: Side, data: bytes, framing: Framing
    ) -> tuple[list[Output], list[Payload]]:
        header, seen, error = reading.header, list[Payload](), None
        if not header.encrypted:
            seen, error = payloads(data, header.next, HEADER, header.length)
        self.whole += error is None
        whole = b""
        if header.next == FRAGMENT_1 and seen:
            told, whole = self._fragment(reading, side, seen[0], framing, len(data))
        else:
            told = [self._message(header, reading.sender, framing, data, seen)]
        told += messages.read(reading, seen)
        if error is not None:
            told.append(Malformed(reason=f"IKE message: {error}"))
        self._clear += reading.proposed
        inner = read_header(whole) if whole else None
        if inner is not None and inner.next != FRAGMENT_1:
            told += self.read(side, whole, inner, "reassembled")
        return told, seen

    def _fragment(
        self, reading: Reading, side: Side, part: Payload, framing: Framing, size: int
    ) -> tuple[list[Output], bytes]:
        header = reading.header
        try:
            number, total, whole = self._fragments.add(side, header.initiator, part.body)
        except WireError as error:
            return [Malformed(reason=f"IKE fragment: {error}")], b""
        if not self._told.message:
            return [IkeMessage], whole
        told = IkeMessage(
            **reading.common,
            exchange=registry.exchange(1, header.exchange),
            message_id=header.message_id,
            size=size,
            fragment=number,
            fragments=total,
            framing=framing,
        )
        return [told], whole

    def _message(
        self,
        header: Header,
        sender: nat.End | None,
        framing: Framing,
        data: bytes,
        seen: list[Payload] | None,
    ) -> IkeMessage | type[IkeMessage]:
        """Tell of a message with the payloads that were *seen*; None where it came before."""
        if not self._told.message:
            return IkeMessage
        last = seen[-1] if seen else None
        encrypted = header.encrypted or (last is not None and last.kind in (SK, SKF))
        inside, fragment, fragments = 0, 0, 0
        if header.encrypted:
            inside = header.next
        elif last is not None and encrypted:
            inside = last.next
            if last.kind == SKF and len(last.body) >= 4:
                reader = Reader(last.body)
                fragment, fragments = reader.u16(), reader.u16()
        elif seen is None:
            encrypted = header.version == 2 and header.next in (SK, SKF)
        return IkeMessage(
            **common(header.initiator, header.responder, header.version, sender),
            exchange=registry.exchange(header.version, header.exchange),
            message_id=header.message_id,
            response=header.response,
            encrypted=encrypted,
            payloads=_names(header.version, tuple([item.kind for item in seen])) if seen else (),
            first_inside=registry.payload(header.version, inside) if inside else "",
            size=len(data),
            fragment=fragment,
            fragments=fragments,
            retransmission=seen is None,
            framing=framing,
        )

    # -- how far it came -----------------------------------------------------------------------

    def _progress(self, reading: Reading, side: Side, seen: list[Payload]) -> list[Output]:
        association, told = reading.association, list[Output]()
        for stage, detail in steps(reading, side, seen):
            if stage in REPEATED or association.step(stage, detail):
                told.append(self._stage(association, reading.sender, stage, detail))
        return told

    def _stage(
        self, association: Association, sender: nat.End | None, stage: str, detail: str = ""
    ) -> IkeStage | type[IkeStage]:
        read = self._stages.get(stage)
        if read is None:
            read = self._stages[stage] = self._told.reads(IkeStage, stage=stage)
        if not read:
            return IkeStage
        return IkeStage(
            **common(association.initiator, association.responder, association.version, sender),
            stage=stage,  # type: ignore[arg-type]  # of the tables below
            detail=detail,
        )

    def _flood(self) -> list[Output]:
        begun = self._table.begun
        if begun & (begun - 1):
            return []
        detail = f"{begun} IKE SAs begun on one flow"
        return [Anomaly(kind="many-ike-initiations", detail=detail)]

    # -- NAT, and what comes next --------------------------------------------------------------

    def _judge(self, reading: Reading) -> list[Output]:
        """Both have said what they see, or all that they will say in clear."""
        if reading.sender != "responder":
            late = reading.association.judged
            return self._verdict(reading.association, reading.sender) if late else []
        return self._verdict(reading.association, reading.sender) + self._expect_float(reading)

    def _verdict(self, association: Association, sender: nat.End | None) -> list[Output]:
        hashes = association.hashes
        if len(hashes) == association.judged:
            return []
        association.judged = len(hashes)
        if not self._told.nat:
            return [NatDetection]
        told = tuple([heard.hash for heard in hashes])
        behind, claimed = nat.judge(told)
        return [
            NatDetection(
                **common(association.initiator, association.responder, association.version, sender),
                behind_nat=behind,
                claimed=claimed,
                hashes=told,
                method=association.method_of_nat,
            )
        ]

    def _expect_float(self, reading: Reading) -> list[Output]:
        """Whoever agreed on NAT traversal may go on from port 4500 to port 4500 at any time."""
        gateway, peer = reading.source, reading.target
        if self._floated or self._transport != "udp" or gateway.port == NATT_PORT:
            return []
        self._floated = True
        return [
            Expect(
                protocol="ike",
                purpose=Capability.TUNNEL,
                address=gateway.address,
                port=NATT_PORT,
                source=peer.address,
                transport="udp",
                context=Float(key=reading.association.key),
                repeat=True,
            )
        ]

    def _tie(self, association: Association, header: Header, framing: Framing) -> list[Output]:
        """One SA is one tunnel on whatever flow. Without NAT, ESP has no ports: tie the hosts."""
        told: list[Output] = []
        protected = header.encrypted or (header.version == 2 and header.next in (SK, SKF))
        if protected and framing == "plain" and not self._tied_hosts:
            self._tied_hosts = True
            first, second = sorted(end.address for end in self._ends)
            told.append(Tie(key=f"ipsec/{first}/{second}"))
        key = association.key
        if key and key not in self._ties:
            if len(self._ties) >= MANY:
                self._ties.clear()
            self._ties.add(key)
            told.append(Tie(key=key, account=association.account))
        return told
