"""Where a watch shows what it sees: lines of text, lines of JSON, or a view on a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime
from errno import EIO, EPIPE
from typing import IO, TYPE_CHECKING, AnyStr, Generic, Protocol

import msgspec

from backchannel.errors import reason
from backchannel.live.alert import Alert, text
from backchannel.remark import remark

if TYPE_CHECKING:
    from backchannel.live.watcher import Watcher


GONE = EPIPE, EIO
"""What writing says where nobody is left to read: of a pipe, and of a terminal."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service that was seen for the first time."""

    kind: str = "service"
    time: str
    service: str
    title: str
    stack: str
    confidence: str
    client: str
    server: str
    community_id: str


class Screen(Protocol):
    """What the watch tells, and asks each time round."""

    @property
    def talkers(self) -> bool:
        """Whether it shows who talks most, which parsers must count for it."""

    def __enter__(self) -> object:
        """Take the terminal."""

    def __exit__(self, *_: object) -> None:
        """Give it back."""

    def start(self, watcher: "Watcher") -> None:
        """The watch has begun."""

    def inputs(self) -> Sequence[int]:
        """Return descriptors that bring keys."""

    def look(self) -> bool:
        """Read keys; return whether a person wants to stop."""

    def tick(self) -> None:
        """A second has passed."""

    def say(self, text: str) -> None:
        """Tell something about the watch itself."""

    def service(self, seen: Service) -> None:
        """Tell that a service was seen for the first time."""

    def finding(self, made: Alert) -> None:
        """Tell a finding."""


class Quiet:
    """Shows nothing but what is about the watch itself, on standard error."""

    talkers = False

    def __enter__(self) -> object:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def start(self, watcher: "Watcher") -> None:
        """Say what is watched."""
        names = ", ".join(watcher.config.capture.interfaces)
        self.say(f"watching {names}; stop with SIGINT or SIGTERM, reload with SIGHUP")

    def inputs(self) -> Sequence[int]:
        """No keys."""
        return ()

    def look(self) -> bool:
        """Nobody asks to stop."""
        return False

    def tick(self) -> None:
        """Nothing to do."""

    def say(self, text: str) -> None:
        """Print a line on standard error."""
        remark(text)

    def service(self, seen: Service) -> None:
        """Not shown."""

    def finding(self, made: Alert) -> None:
        """Not shown."""


class Lines(Quiet, Generic[AnyStr]):
    """Lines on standard output. Once nobody reads them any more the watch is to stop in order; a
    full disk costs lines.
    """

    def __init__(self, out: IO[AnyStr]) -> None:
        self._out: IO[AnyStr] = out
        self._left = self._failing = False

    def look(self) -> bool:
        """Whether the reader has left: a pipe's other end, or the terminal."""
        return self._left

    def _put(self, line: AnyStr) -> None:
        if self._left:
            return
        try:
            self._out.write(line)
            self._out.flush()
        except OSError as error:
            self._left = error.errno in GONE
            if not self._left and not self._failing:
                remark(f"standard output: {reason(error)}; lines are lost until that is over")
            self._failing = True
        else:
            self._failing = False


class Plain(Lines[str]):
    """One line for each finding and each new service, for a pipe or a log."""

    def service(self, seen: Service) -> None:
        """`TIME  service  NAME over STACK, CLIENT > SERVER`."""
        where = f"{seen.client} > {seen.server}"
        self._tell(seen.time, f"{'service':<8}  {seen.title} over {seen.stack}  {where}")

    def finding(self, made: Alert) -> None:
        """`TIME  SEVERITY  WHAT  CLIENT > SERVER`."""
        again = "  (goes on)" if made.repeated else ""
        self._tell(made.time, f"{text(made.finding)}{again}")

    def _tell(self, time: str, told: str) -> None:
        self._put(f"{time[:19]}Z  {told}\n")


class JsonLines(Lines[bytes]):
    """One JSON object a line: `finding`, `service` and `notice`, told apart by `kind`."""

    def say(self, text: str) -> None:
        """Tell it on both: people read the one, programs the other."""
        super().say(text)
        now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._object({"kind": "notice", "time": now, "text": text})

    def service(self, seen: Service) -> None:
        """Tell a new service."""
        self._object(seen)

    def finding(self, made: Alert) -> None:
        """Tell a finding, as receivers of alerts get it."""
        self._object(made)

    def _object(self, value: object) -> None:
        self._put(msgspec.json.encode(value) + b"\n")
