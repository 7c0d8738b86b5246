"""The services of a run: to which row what is seen belongs, and who is seen there."""

from collections import Counter
from typing import TypeAlias

from backchannel.model import Confidence
from backchannel.report import document as doc
from backchannel.report.rows import ROWS, ServiceRow, Tally

Key: TypeAlias = tuple[str, str, str]
"""Service, protocol, stack."""


PLACES = 256
"""Rows that are known again at once, for each kind of event."""


class Counted:
    """Where events of one kind are counted for one row."""

    __slots__ = "inside", "row", "tally"

    def __init__(self, row: ServiceRow, tally: Tally, inside: bool) -> None:
        self.row = row
        self.tally = tally
        """How many of the kind the row has."""
        self.inside = inside
        """Whether the kind is about what its flow's protocol carries."""


class Spot:
    """Where events of one kind were counted last: nearly always the next one is counted there."""

    __slots__ = "capability", "carried", "place", "places", "protocol", "service", "stack", "tag"

    def __init__(self, tag: str, carried: str, capability: str) -> None:
        """*tag* and *capability* are those of the kind, *carried* is the protocol it speaks of."""
        self.tag, self.carried, self.capability = tag, carried, capability
        self.service = self.protocol = self.stack = ""
        self.place: Counted | None = None
        self.places: dict[Key, Counted] = {}
        """Where they were counted before."""


class Services:
    """Rows by service, protocol and stack."""

    def __init__(self, unseen: Counter[str]) -> None:
        """*unseen* counts what did not fit."""
        self._unseen = unseen
        self._rows: dict[Key, ServiceRow] = {}

    def row(self, key: Key) -> ServiceRow | None:
        """Return the row of a key; None where the table is full."""
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= ROWS:
                self._unseen["service rows not shown: table full"] += 1
                return None
            row = self._rows[key] = ServiceRow()
        return row

    def count(
        self, spot: Spot, service: str, protocol: str, stack: str, confidence: Confidence
    ) -> ServiceRow | None:
        """Count an event where its kind has its *spot*; return the row, None where it has none."""
        if (
            spot.place is None
            or service != spot.service
            or protocol != spot.protocol
            or stack != spot.stack
        ):
            self._move(spot, service, protocol, stack)
        place = spot.place
        if place is None:
            return None
        place.tally.count += 1
        row = place.row
        if confidence is not row.confidence and confidence > row.confidence:
            row.claim(confidence, "")
        return row

    def _move(self, spot: Spot, service: str, protocol: str, stack: str) -> None:
        """Find the spot of an event elsewhere."""
        spot.service, spot.protocol, spot.stack = service, protocol, stack
        key = service, protocol, stack
        spot.place = spot.places.get(key)
        if spot.place is None:
            spot.place = place = self._place(spot, service, protocol, stack)
            if place is not None:
                if len(spot.places) >= PLACES:
                    spot.places.clear()
                spot.places[key] = place

    def _place(self, spot: Spot, service: str, protocol: str, stack: str) -> Counted | None:
        carried = spot.carried
        inside = carried not in {"", stack.rsplit("/", 1)[-1]}
        row = self.row((service, protocol, f"{stack}/{protocol}" if inside else stack))
        if row is None:
            return None
        row.capabilities.add(spot.capability)
        return Counted(row, row.tally(spot.tag), inside)

    def done(self) -> tuple[doc.Service, ...]:
        """Return all rows as they stand in the document."""
        return tuple(row.done(*key) for key, row in sorted(self._rows.items()))
