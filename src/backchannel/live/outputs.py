"""All files of a watch: opened, written, flushed and closed together."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from backchannel.engine.observation import Observation
from backchannel.live import alert as alerts
from backchannel.live import columns, messages
from backchannel.live.alert import Alert
from backchannel.live.config import Output
from backchannel.live.files import FlowFile, Lines, Rotation
from backchannel.privacy import Disclosure
from backchannel.report import eve, jsonlines

Notice = Callable[[str], None]


class Outputs:
    """The files that `[output]` names."""

    def __init__(
        self, settings: Output, disclosure: Disclosure, workers: int, notice: Notice
    ) -> None:
        """Open all. Raises OSError."""
        self.disclosure, self._workers = disclosure, workers
        self.before: dict[str, int] = {}
        """Records that files lost which were open before these."""
        rotation = Rotation(settings.rotate_size, settings.rotate_every, settings.keep)
        self._events = _lines(settings.events, rotation, notice)
        self._eve = _lines(settings.eve, rotation, notice)
        self._findings = _lines(settings.findings, rotation, notice)
        self._flows = FlowFile(settings.flows, rotation, notice) if settings.flows else None

    @property
    def reads(self) -> bool:
        """Whether every event is written somewhere."""
        return self._events is not None or self._eve is not None

    def observation(self, seen: Observation) -> None:
        """Write an observation to the files of events."""
        if self._events is not None:
            self._events.write(jsonlines.line(seen, self.disclosure))
        if self._eve is not None:
            self._eve.write(eve.line(seen, self.disclosure))

    def alert(self, made: Alert) -> None:
        """Write a finding."""
        if self._findings is not None:
            self._findings.write(alerts.body(made) + b"\n")
        if self._eve is not None:
            self._eve.write(eve.alert_line(made.finding))

    def flows(self, number: int, told: messages.Flows) -> None:
        """Write flows that parser *number* told. Raises framing.Broken."""
        if self._flows is None:
            return
        rows, claims = columns.unpack(told.columns), told.claims
        if self._workers > 1:
            own = partial(messages.numbered, workers=self._workers, worker=number)
            for name in ("serial", "first_frame", "last_frame"):
                rows[name] = columns.changed(rows[name], own)
            claims = {own(serial): claim for serial, claim in claims.items()}
        self._flows.write(rows, claims)

    def flush(self) -> None:
        """Write what waits, and rotate where it is time."""
        for file in (self._events, self._eve, self._findings, self._flows):
            if file is not None:
                file.flush()

    def close(self) -> None:
        """Write everything and close."""
        for file in (self._events, self._eve, self._findings, self._flows):
            if file is not None:
                file.close()

    def lost(self) -> dict[str, int]:
        """Return how many records could not be written, by output."""
        files = {
            "events": self._events,
            "eve": self._eve,
            "findings": self._findings,
            "flows": self._flows,
        }
        lost = {name: file.lost for name, file in files.items() if file is not None}
        names = self.before | lost
        return {name: self.before.get(name, 0) + lost.get(name, 0) for name in names}


def _lines(path: Path | None, rotation: Rotation, notice: Notice) -> Lines | None:
    return Lines(path, rotation, notice) if path is not None else None
