"""IKE messages of one flow, in order: events, how far each SA came, and what to expect next.

A message that came before is told as a retransmission and not read again. Past MANY SAs on one flow
the message that begins another is not read: their number is told each time it doubles, so that a
flood of initiations costs next to nothing.
"""

from functools import lru_cache
from typing import Literal

from backchannel.effects import Expect, Tie
from backchannel.events import Anomaly, Malformed
from backchannel.model import Capability, Endpoint, Side
from backchannel.protocols import Output, Start
from backchannel.protocols.ike import messages, nat, registry
from backchannel.protocols.ike.association import Association, Step, Table
from backchannel.protocols.ike.context import Float
from backchannel.protocols.ike.events import IkeMessage, IkeStage, NatDetection
from backchannel.protocols.ike.fragments import Fragments
from backchannel.protocols.ike.nat import nobody_behind
from backchannel.protocols.ike.numbers import AGGRESSIVE, FRAGMENT_1, HEADER, SK, SKF
from backchannel.protocols.ike.reading import Reading, begin, common, wanted
from backchannel.protocols.ike.stages import steps
from backchannel.protocols.ike.wire import Header, Payloads, read_header, walk
from backchannel.reader import Reader, WireError

MANY = 256
NATT_PORT = 4500
_ESP_FLOWS: Step = "established", "ESP flows"


@lru_cache(maxsize=512)
def _names(version: int, kinds: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(registry.payload(version, kind) for kind in kinds)


def _kinds(seen: Payloads) -> tuple[int, ...]:
    """Return the numbers of all payloads, and stand at the last one again."""
    kinds: list[int] = []
    seen.again()
    while seen.step():
        kinds.append(seen.kind)
    return tuple(kinds)


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
        self._float = start.context if isinstance(start.context, Float) else None
        self._told = wanted(start)
        self._table = Table()
        self._fragments: Fragments | None = None  # few flows have any
        self._floated = self._tied_hosts = False
        self._ended = 0
        self._ties: set[str] | None = None
        """Keys that were told last, MANY at most; made when one is."""

    def proved(self) -> bool:
        """Whether proposals were read in clear, or two messages of any kind."""
        return self._clear > 0 or self.whole > 1

    def read(self, side: int, data: bytes, header: Header, framing: Framing) -> list[Output]:
        """Take one message, which begins with *header*, sent by *side*."""
        self.heard += 1
        table = self._table
        begun = table.begun
        association = table.find(header, side)
        fresh = table.begun > begun
        if fresh and begun >= MANY:
            return self._flood()
        if fresh and header.exchange == AGGRESSIVE and header.opens:
            table.expect_credential(association)
        if fresh and self._float is not None and association.sender(side) is None:
            self._recall(self._float, association)
        association.messages += framing != "reassembled"  # whose fragments were counted
        association.spoke |= 1 << side
        reading = begin(header, association, side, self._told, self._ends)
        if association.repeats(side, data, header.answers):
            self.whole += 1
            return [self._message(reading, framing, data, None)]
        seen = self._payloads(reading, data, framing)
        self._progress(reading, seen)
        if reading.nat_hashes:
            self._judge(reading)
        if not self._tied_hosts or not association.tied:
            self._tie(reading, framing)
        return reading.events

    def esp_seen(self) -> list[Output]:
        """ESP flows beside IKE: the last SA is up, if it was under way."""
        latest = self._table.latest
        if latest is None or latest.rank < 3 or not latest.step(_ESP_FLOWS):
            return []
        return [self._stage(latest, None, _ESP_FLOWS)]

    def end(self) -> list[Output]:
        """A side ended; when both have, tell what never got an answer."""
        self._ended += 1
        if self._ended < len(self._ends):
            return []
        told: list[Output] = []
        for association in self._table.held():
            if len(association.hashes) != association.judged:
                told += self._verdict(association, None)
            if (outcome := association.outcome()) is not None:
                step, side = outcome
                told.append(self._stage(association, association.sender(side), step))
        return told

    def _recall(self, announced: Float, association: Association) -> None:
        """Who began an SA is known where its beginning was on the flow that announced this one."""
        client, server = (end.address == announced.initiator for end in self._ends)
        if association.key() == announced.key and client != server:
            association.side = Side.CLIENT if client else Side.SERVER

    # -- one message ---------------------------------------------------------------------------

    def _payloads(self, reading: Reading, data: bytes, framing: Framing) -> Payloads:
        header, events = reading.header, reading.events
        seen = walk(data, 0 if header.encrypted else header.next, HEADER, header.length)
        while seen.step():
            pass
        error, whole = seen.error, b""
        self.whole += error is None
        if header.next == FRAGMENT_1 and seen.count:
            seen.again()
            seen.step()
            whole = self._fragment(reading, seen.body(), framing, len(data))
        else:
            events.append(self._message(reading, framing, data, seen))
        if seen.count:
            messages.read(reading, seen)
        if error is not None:
            events.append(Malformed(reason=f"IKE message: {error}"))
        self._clear += reading.proposed
        inner = read_header(whole) if whole else None
        if inner is not None and inner.next != FRAGMENT_1:
            events += self.read(reading.side, whole, inner, "reassembled")
        return seen

    def _fragment(self, reading: Reading, part: bytes, framing: Framing, size: int) -> bytes:
        """Tell of a fragment; return the message that it makes whole, if any."""
        header, events = reading.header, reading.events
        if self._fragments is None:
            self._fragments = Fragments()
        try:
            number, total, whole = self._fragments.add(reading.side, header.initiator, part)
        except WireError as error:
            events.append(Malformed(reason=f"IKE fragment: {error}"))
            return b""
        if not self._told.message:
            events.append(IkeMessage)
            return whole
        message = IkeMessage(
            **reading.common(),
            exchange=registry.exchange(1, header.exchange),
            message_id=header.message_id,
            size=size,
            fragment=number,
            fragments=total,
            framing=framing,
        )
        events.append(message)
        return whole

    def _message(
        self,
        reading: Reading,
        framing: Framing,
        data: bytes,
        seen: Payloads | None,
    ) -> IkeMessage | type[IkeMessage]:
        """Tell of a message with the payloads that were *seen*; None where it came before."""
        if not self._told.message:
            return IkeMessage
        header = reading.header
        last = seen if seen is not None and seen.count else None
        encrypted = header.encrypted or (last is not None and last.kind in (SK, SKF))
        inside, fragment, fragments = 0, 0, 0
        if header.encrypted:
            inside = header.next
        elif last is not None and encrypted:
            inside = last.next
            if last.kind == SKF and last.end - last.start >= 4:
                reader = Reader(last.body())
                fragment, fragments = reader.u16(), reader.u16()
        elif seen is None:
            encrypted = header.version == 2 and header.next in (SK, SKF)
        return IkeMessage(
            **reading.common(),
            exchange=registry.exchange(header.version, header.exchange),
            message_id=header.message_id,
            response=header.response,
            encrypted=encrypted,
            payloads=_names(header.version, _kinds(seen)) if seen is not None else (),
            first_inside=registry.payload(header.version, inside) if inside else "",
            size=len(data),
            fragment=fragment,
            fragments=fragments,
            retransmission=seen is None,
            framing=framing,
        )

    # -- how far it came -----------------------------------------------------------------------

    def _progress(self, reading: Reading, seen: Payloads) -> None:
        association = reading.association
        for step in steps(reading, seen):
            if association.step(step, reading.side):
                reading.events.append(self._stage(association, reading.sender, step))

    def _stage(
        self, association: Association, sender: nat.End | None, step: Step
    ) -> IkeStage | type[IkeStage]:
        stage, detail = step
        if stage not in self._told.stages:
            return IkeStage
        return IkeStage(
            initiator_spi=association.initiator_spi(),
            responder_spi=association.responder_spi(),
            version=association.version,
            sender=sender or "",
            stage=stage,  # type: ignore[arg-type]  # of the tables in `stages`
            detail=detail,
        )

    def _flood(self) -> list[Output]:
        begun = self._table.begun
        if begun & (begun - 1):
            return []
        detail = f"{begun} IKE SAs begun on one flow"
        return [Anomaly(kind="many-ike-initiations", detail=detail)]

    # -- NAT, and what comes next --------------------------------------------------------------

    def _judge(self, reading: Reading) -> None:
        """Both have said what they see, or all that they will say in clear."""
        answered, association = reading.sender == "responder", reading.association
        new = len(association.hashes) != association.judged
        if answered or association.judged:
            reading.events.extend(self._verdict(association, reading.sender))
        if answered:
            reading.events.extend(self._expect_float(reading))
            # some go on from port 4500 where no NAT is, and ESP goes by itself all the same
            if new and not self._tied_hosts and nobody_behind(association.hashes):
                reading.events.append(self._hosts())

    def _hosts(self) -> Tie:
        """Return what ties the flow to ESP between the same hosts, which has no ports."""
        self._tied_hosts = True
        first, second = sorted([end.address for end in self._ends])
        return Tie(key=f"ipsec/{first}/{second}")

    def _verdict(self, association: Association, sender: nat.End | None) -> list[Output]:
        hashes = association.hashes
        if len(hashes) == association.judged:  # nothing new
            return []
        association.judged = len(hashes)
        if not self._told.nat:
            return [NatDetection]
        told = tuple([heard.hash for heard in hashes])
        behind, claimed = nat.judge(told)
        return [
            NatDetection(
                **common(association, sender),
                behind_nat=behind,
                claimed=claimed,
                hashes=told,
                method=association.method_of_nat,
            )
        ]

    def _expect_float(self, reading: Reading) -> list[Output]:
        """Whoever agreed on NAT traversal may go on from port 4500 to port 4500 at any time."""
        gateway, peer = reading.source(), reading.target()
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
                context=Float(key=reading.association.key(), initiator=peer.address),
                repeat=True,
            )
        ]

    def _tie(self, reading: Reading, framing: Framing) -> None:
        """One SA is one tunnel on whatever flow. Without NAT, ESP is beside it: tie the hosts."""
        header, association = reading.header, reading.association
        protected = header.encrypted or (header.version == 2 and header.next in (SK, SKF))
        if protected and framing == "plain" and not self._tied_hosts:
            reading.events.append(self._hosts())
        key = "" if association.tied else association.key()
        if key:
            association.tied = True
            if self._ties is None:
                self._ties = set()
            if key not in self._ties:
                if len(self._ties) >= MANY:
                    self._ties.clear()  # telling one of them again ties nothing new
                self._ties.add(key)
                reading.events.append(Tie(key=key, account=association.account))
