"""What becomes of a refusal outside the guard: log, evidence, alerts, and a line for a person.

Each is bounded and none is waited for: a full disk or a receiver that is away costs records, which
are counted, and never a packet.
"""

import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from backchannel.enforce import finding
from backchannel.enforce.evidence import Evidence
from backchannel.enforce.messages import Seen
from backchannel.enforce.record import Refusal
from backchannel.live.alert import alert
from backchannel.live.config import Config
from backchannel.live.delivery import Delivery, deliver
from backchannel.live.files import Lines, Rotation

SUBJECTS = 16_384
"""Different things that are counted until they are told again; the oldest give way."""


class Sink(Protocol):
    """Where a line goes."""

    @property
    def lost(self) -> int:
        """How many could not be written."""

    def __call__(self, line: bytes, /) -> object:
        """Take one line of JSON."""


class Subject(msgspec.Struct):
    """Something that is refused again and again."""

    first: str
    count: int = 0
    told: float = 0.0


class Telling:
    """All of it, as a configuration says."""

    def __init__(
        self, config: Config, notice: Callable[[str], None], print_: Callable[[Refusal], object]
    ) -> None:
        """*notice* takes what is about the guard itself, *print_* each refusal for a person.

        Raises InputError, ValueError and OSError.
        """
        self._notice, self._print = notice, print_
        self._sensor, self._repeat = socket.gethostname(), config.findings.repeat
        self._subjects: OrderedDict[tuple[str, ...], Subject] = OrderedDict()
        self.log, self.evidence = self._log(config), self._evidence(config)
        self.delivery = self._deliver(config)

    def tell(self, refusal: Refusal, packets: Sequence[Seen] = ()) -> None:
        """Tell of one refusal."""
        file = self.evidence.write(refusal, packets) if self.evidence is not None else ""
        if self.log is not None:
            self.log(_line(refusal, file))
        if self.delivery is not None:
            self._alert(refusal, file)
        self._print(refusal)

    def reload(self, config: Config) -> None:
        """Alert others from now on. Raises ValueError and OSError, and changes nothing then."""
        if self.delivery is not None:
            self.delivery.use(config.alerts.receivers)
        else:
            self.delivery = self._deliver(config)
        self._repeat = config.findings.repeat

    def lost(self) -> dict[str, int]:
        """Return how many records could not be written, by output."""
        out: dict[str, int] = {}
        if self.log is not None:
            out["log"] = self.log.lost
        if self.evidence is not None:
            out["evidence"] = self.evidence.lost
        return out

    def undelivered(self) -> dict[str, int]:
        """Return what has not got where it should, by name; empty for nothing."""
        told = {f"{name}: records lost": number for name, number in self.lost().items()}
        if self.delivery is not None:
            for name, number in self.delivery.depth().items():
                told[f"alerts that wait for {name}"] = number
            for name, number in self.delivery.dropped.items():
                told[f"alerts that {name} never got"] = number
        return {name: number for name, number in told.items() if number}

    def close(self) -> None:
        """Write and send what can be; what cannot be sent stays in the spool."""
        if isinstance(self.log, File):
            self.log.lines.close()
        if self.delivery is not None:
            self.delivery.close()

    def _alert(self, refusal: Refusal, file: str) -> None:
        """Send an alert the first time, and again where it went on for long."""
        assert self.delivery is not None
        name, now = finding.subject(refusal), time.monotonic()
        known = self._subjects.setdefault(name, Subject(refusal.time))
        self._subjects.move_to_end(name)
        if len(self._subjects) > SUBJECTS:
            self._subjects.popitem(last=False)
        known.count += 1
        again = known.count > 1
        if again and now - known.told < self._repeat:
            return
        known.told = now
        made = finding.finding(refusal, count=known.count, first=known.first, file=file)
        self.delivery.put(alert(made, self._sensor, repeated=again))

    def _log(self, config: Config) -> Sink | None:
        path, output = config.guard.log, config.output
        if path is None:
            return None
        if path == Path("-"):
            return Output()
        rotation = Rotation(output.rotate_size, output.rotate_every, output.keep)
        return File(Lines(path, rotation, self._notice))

    def _evidence(self, config: Config) -> Evidence | None:
        folder = config.guard.evidence
        if folder is None:
            return None
        return Evidence(folder, config.guard.evidence_size, self._notice)

    def _deliver(self, config: Config) -> Delivery | None:
        alerts = config.alerts
        return deliver(alerts.receivers, config.guard.spool, alerts.spool_limit, self._notice)


class File:
    """The log in a file."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines

    @property
    def lost(self) -> int:
        """How many lines could not be written."""
        return self.lines.lost

    def __call__(self, line: bytes) -> None:
        """Write a line at once, or keep it where the disk is full."""
        self.lines.write(line)
        self.lines.flush()


class Output:
    """The log on standard output, for as long as somebody reads it."""

    def __init__(self) -> None:
        self.lost = 0

    def __call__(self, line: bytes) -> None:
        """Write a line; what nobody takes is counted."""
        try:
            print(line.decode(), end="", flush=True)
        except OSError:
            self.lost += 1


def _line(refusal: Refusal, file: str) -> bytes:
    """Return a refusal as a line of JSON, with its id and the name of its evidence."""
    told = msgspec.to_builtins(refusal) | {"id": refusal.id}
    if file:
        told["pcap"] = file
    return msgspec.json.encode(told) + b"\n"
