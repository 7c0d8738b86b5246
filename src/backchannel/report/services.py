"""The services of a run: to which row what is seen belongs, and who is seen there."""

from collections import Counter
from typing import TypeAlias

from backchannel.engine.observation import FlowInfo
from backchannel.model import Confidence, Endpoint
from backchannel.report import document as doc
from backchannel.report.rows import ROWS, ServiceRow

Key: TypeAlias = tuple[str, str, str]
"""Service, protocol, stack."""


class Services:
    """Rows by service, protocol and stack."""

    def __init__(self, unseen: Counter[str]) -> None:
        """*unseen* counts what did not fit."""
        self._unseen = unseen
        self._rows: dict[Key, ServiceRow] = {}
        self._found: dict[tuple[str, str, str, str], tuple[ServiceRow, bool]] = {}

    def row(self, key: Key) -> ServiceRow | None:
        """Return the row of a key; None where the table is full."""
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= ROWS:
                self._unseen["service rows not shown: table full"] += 1
                return None
            row = self._rows[key] = ServiceRow()
        return row

    def place(
        self,
        key: tuple[str, str, str, str],
        confidence: Confidence,
        flow: FlowInfo,
        target: Endpoint | None,
    ) -> ServiceRow | None:
        """Return the row of an event: service, protocol, stack, and the protocol it speaks of."""
        found = self._found.get(key)
        if found is None:
            found = self._find(key)
            if found is None:
                return None
            self._found[key] = found
        row, carried = found
        if confidence is not row.confidence and confidence > row.confidence:
            row.claim(confidence, "")
        if carried and (row.flow is not flow or row.target is not target):
            row.flow, row.target = flow, target  # nearly always the same as last time
            row.clients.add(flow.client.address)
            row.servers.add(str(target or flow.server))
        return row

    def _find(self, key: tuple[str, str, str, str]) -> tuple[ServiceRow, bool] | None:
        """Return the row of an event, and whether it is about what its flow's protocol carries."""
        service, protocol, stack, carried = key
        inside = carried not in {"", stack.rsplit("/", 1)[-1]}
        row = self.row((service, protocol, f"{stack}/{protocol}" if inside else stack))
        return None if row is None else (row, inside)

    def done(self) -> tuple[doc.Service, ...]:
        """Return all rows as they stand in the document."""
        return tuple(row.done(*key) for key, row in sorted(self._rows.items()))
