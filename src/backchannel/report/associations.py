"""IPsec between two hosts: how far their key exchanges came, who is behind a NAT, what was carried.

One row for each pair of hosts, whatever ports and SPIs: a NAT's new mapping and new keys change
those. Memory: ROWS rows, and SPIS numbers of ESP in all of them, what does not fit is counted; FEW
ports of each.
"""

from collections import Counter
from typing import TYPE_CHECKING

from backchannel.engine.observation import FlowInfo, Observation
from backchannel.model import Endpoint, Side
from backchannel.report import document as doc
from backchannel.report.rows import ROWS
from backchannel.when import rfc3339

if TYPE_CHECKING:  # they are loaded with their decoders
    from backchannel.protocols.esp.events import EspTraffic, NatKeepalive
    from backchannel.protocols.ike.events import IkeStage, NatDetection

_CLIENT, _ = Side
FEW = 64
"""Ports of the client that are told apart in one row."""
SPIS = 65_536
_SECOND = 1_000_000_000
_ENDS: dict[str, doc.Behind] = {
    "initiator": "client",
    "responder": "server",
    "both": "both",
    "none": "none",
    "unknown": "unknown",
}
_CROSSED = _ENDS | {"initiator": "server", "responder": "client"}
"""Where the server began the key exchange, as either may with an association that was up."""


class Way:
    """ESP one way."""

    def __init__(self) -> None:
        self.packets = self.octets = self.missing = self.replayed = 0

    def add(self, told: "EspTraffic") -> None:
        """Take the last figures of an association on one flow."""
        self.packets += told.packets
        self.octets += told.octets
        self.missing += told.missing
        self.replayed += told.replayed

    def done(self) -> doc.Carried:
        """Return the figures as they stand in the document."""
        return doc.Carried(
            packets=self.packets,
            bytes=self.octets,
            missing=self.missing,
            replayed=self.replayed,
        )


class AssociationRow:
    """One pair of hosts under way."""

    def __init__(self, seen: Observation) -> None:
        self.client, self.server = _ends(seen)
        self.service, self.frame = seen.service, seen.frame
        self.first = self.last = seen.time
        self._versions = 0  # 1 and 2, as bits
        self.stages: dict[str, int] = {}
        self.failure = ""
        self._begun, self._granted = "", False
        """The initiator's SPI of the attempt that began last, and whether it was authenticated."""
        self._up = ""
        """That of the one that was established last."""
        self.behind_nat: doc.Behind = ""
        self.claimed: tuple[str, ...] = ()
        self.ports: set[int] | None = None
        self.spis: set[str] | None = None
        """Both are made when something goes into them."""
        self.out, self.back = Way(), Way()
        self.keepalives = self.spaces = self.spaced = 0
        self._serial = self._side = self._count = self._then = 0
        """Of the keep-alive that came last: flow, side, number and time."""

    def near(self, seen: Observation) -> bool:
        """Say whether the row's client sent what was *seen*."""
        client, server = _ends(seen)
        sender = client if seen.side is _CLIENT else server
        return sender == self.client

    def stage(self, version: int, spi: str, stage: str, detail: str) -> None:
        """Take a step of the exchange that began with *spi*."""
        self._versions |= version
        self.stages[stage] = self.stages.get(stage, 0) + 1
        if stage in _BEGINNING and spi != self._begun:
            self._begun, self._granted = spi, False
        granted = stage == _ANSWERED and detail != _REFUSED
        if granted and spi == self._begun:
            self._granted = True
        late = stage in _ATTEMPTS and (spi == self._up or (self._granted and spi != self._begun))
        if stage == "established":
            self._up = spi
        if stage == "established" or (granted and not self.failure.startswith(_SILENT)):
            self.failure = ""
        elif not late and not granted and stage in _FAILURES:
            self.failure = f"{stage}: {detail}"

    def heard_from(self, port: int) -> None:
        """Take a port of the client, within the bound."""
        if self.ports is None:
            self.ports = set()
        if len(self.ports) < FEW:
            self.ports.add(port)

    def keepalive(self, seen: Observation, count: int) -> None:
        """Take a keep-alive, and the time since the one before it on its flow."""
        serial, side = seen.flow.serial, int(seen.side)
        more = count - self._count
        if serial == self._serial and side == self._side and more > 0:
            self.keepalives += more
            self.spaces += more
            self.spaced += seen.time - self._then
        else:
            self.keepalives += 1
        self._serial, self._side, self._count, self._then = serial, side, count, seen.time

    def done(self) -> doc.Association:
        """Return the row as it stands in the document."""
        return doc.Association(
            service=self.service,
            client=self.client,
            server=self.server,
            versions=tuple([version for version in (1, 2) if self._versions & version]),
            stages=dict(sorted(self.stages.items())),
            failure=self.failure,
            behind_nat=self.behind_nat,
            claimed=self.claimed,
            client_ports=tuple(sorted(self.ports or ())),
            spis=len(self.spis or ()),
            sent=self.out.done(),
            received=self.back.done(),
            keepalives=self.keepalives,
            keepalive_seconds=round(self.spaced / self.spaces / _SECOND, 1) if self.spaces else 0.0,
            first_seen=rfc3339(self.first),
            last_seen=rfc3339(self.last),
            frame=self.frame,
        )


_BEGINNING = frozenset({"initiated", "answered", "answer-alone", "authenticating"})
_ATTEMPTS = frozenset({"refused", "unanswered"})
"""How an attempt failed; told at the end of a flow, when a later one may have succeeded."""
_SILENT = "silent"
_ANSWERED, _REFUSED = "authentication-answered", "Notify alone"
"""What an answer to the authentication has that refuses it."""
_FAILURES = _ATTEMPTS | {_ANSWERED, _SILENT}


class Associations:
    """All pairs of hosts of a run."""

    def __init__(self, unseen: Counter[str]) -> None:
        """*unseen* counts what did not fit."""
        self._unseen, self._spis = unseen, 0
        self._rows: dict[tuple[str, str], AssociationRow] = {}
        self._latest: tuple[FlowInfo, Endpoint | None, AssociationRow] | None = None
        """Flow, target and row of what came last: the next one is mostly of the same."""

    def stage(self, seen: Observation, told: "IkeStage") -> None:
        """Take a step of a key exchange, or the end of one that failed."""
        if (row := self._row(seen)) is None:
            return
        row.stage(told.version, told.initiator_spi, told.stage, told.detail)

    def nat(self, seen: Observation, told: "NatDetection") -> None:
        """Take who is behind a NAT; what is computed last counts, unless it is unknown."""
        row = self._row(seen)
        if row is None or (told.behind_nat == "unknown" and row.behind_nat):
            return
        as_begun = not told.sender or (told.sender == "initiator") == row.near(seen)
        ends = _ENDS if as_begun else _CROSSED
        row.behind_nat = ends[told.behind_nat]
        row.claimed = tuple([ends[end] for end in told.claimed])

    def traffic(self, seen: Observation, told: "EspTraffic") -> None:
        """Take figures of ESP: the last ones of each association and flow."""
        if (row := self._row(seen)) is None:
            return
        if told.carrier != "ip":
            flow = seen.flow
            same = flow.client.address == row.client
            row.heard_from((flow.client if same else flow.server).port)
        if not told.final:
            return
        if row.spis is None:
            row.spis = set()
        if told.spi not in row.spis:
            if self._spis < SPIS:
                row.spis.add(told.spi)
                self._spis += 1
            else:
                self._unseen["associations of IPsec between hosts not counted: table full"] += 1
        (row.out if row.near(seen) else row.back).add(told)

    def keepalive(self, seen: Observation, told: "NatKeepalive") -> None:
        """Take a keep-alive."""
        if (row := self._row(seen)) is not None:
            row.keepalive(seen, told.count)

    def document(self) -> tuple[doc.Association, ...]:
        """Return all rows as they stand in the document."""
        told: list[doc.Association] = []
        for _, row in sorted(self._rows.items()):
            told.append(row.done())
        return tuple(told)

    def _row(self, seen: Observation) -> AssociationRow | None:
        flow, target, latest = seen.flow, seen.target, self._latest
        if latest is not None and latest[0] is flow and latest[1] is target:
            row = latest[2]
        else:
            found = self._find(seen)
            if found is None:
                return None
            row, self._latest = found, (flow, target, found)
        time = seen.time
        if time > row.last:
            row.last = time
        elif time < row.first:
            row.first = time
        return row

    def _find(self, seen: Observation) -> AssociationRow | None:
        first, second = _ends(seen)
        key = (first, second) if first < second else (second, first)
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= ROWS:
                self._unseen["IPsec between hosts not shown: table full"] += 1
                return None
            row = self._rows[key] = AssociationRow(seen)
        return row


def _ends(seen: Observation) -> tuple[str, str]:
    """Return who is the client by the bytes, and whom it spoke to, through a proxy also: then it
    may be a name. Of a flow that an answer began the flow's server is the client.
    """
    target = seen.target
    client, server = seen.flow.client.address, (target or seen.flow.server).address
    return (server, client) if seen.flipped and target is None else (client, server)
