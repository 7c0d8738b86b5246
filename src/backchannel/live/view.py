"""The view on a terminal: what is on screen, and what keys do to it. `panels` draws the parts.

rich draws, because the rest of the project does and a screen of four tables needs no framework of
widgets; the keyboard is a terminal in cbreak mode. See docs/decisions/0013-terminal-view.md.
"""

import select
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, cast

from rich.console import Console
from rich.layout import Layout
from rich.live import Live
from rich.padding import Padding

from backchannel.detect.model import SEVERITIES, Finding
from backchannel.live import panels
from backchannel.live.alert import Alert, reaches
from backchannel.live.collector import chosen
from backchannel.live.keys import Keyboard
from backchannel.live.outlet import Outlet
from backchannel.live.screen import Service
from backchannel.remark import remark

if TYPE_CHECKING:
    from backchannel.live.watcher import Watcher

WINDOW = 5
"""Seconds over which rates are taken."""
LONGEST_FILTER = 60
PARTING = 1.0
"""Seconds that the terminal has at the end to take what it has not yet."""
HEAD = 3
NOTICES = 50
"""The newest notices, which a key shows."""
WIDE = 100
"""Columns that a screen must have for talkers and for where a finding was seen."""


class View:
    """A screen that a person leaves open."""

    talkers = True

    def __init__(self, console: Console | None = None, keyboard: Keyboard | None = None) -> None:
        self._outlet = Outlet(sys.stdout) if console is None else None
        file = cast("IO[str] | None", self._outlet)
        self._console = console or Console(file=file, highlight=False)
        self._keyboard = keyboard or Keyboard(sys.stdin.fileno())
        self._live = Live(console=self._console, screen=True, auto_refresh=False, transient=True)
        self._watcher: Watcher | None = None
        self._began = time.monotonic()
        self._history: deque[tuple[float, int, int, Counter[tuple[str, str]]]] = deque(
            maxlen=WINDOW + 1
        )
        self._events: Counter[str] = Counter()
        self._fresh: dict[str, float] = {}
        self._notices: deque[panels.Notice] = deque(maxlen=NOTICES)
        self._paused = self._typing = self._helping = self._telling = self._stale = False
        self._open: Finding | None = None
        self._filter, self._least = "", "info"
        self._chosen = self._begun = 0
        self._frozen: list[Finding] | None = None

    # -- what the watch calls ------------------------------------------------------------------

    def __enter__(self) -> object:
        self._keyboard.__enter__()
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)
        taken = self._outlet is None or self._outlet.drain(PARTING)
        self._keyboard.__exit__()
        for notice in list(self._notices)[-5:] if taken else ():
            remark(notice.text)

    def start(self, watcher: "Watcher") -> None:
        """Show the first screen."""
        self._watcher = watcher
        self.tick()

    def inputs(self) -> Sequence[int]:
        """The keyboard."""
        return (self._keyboard.fd,)

    def look(self) -> bool:
        """Act on keys; return whether it is time to stop."""
        if self._stale:
            self.draw()
        if not select.select([self._keyboard.fd], [], [], 0)[0]:
            return False
        stop = False
        for key in self._keyboard.read():
            stop = self.press(key) or stop
        self.draw()
        return stop

    def tick(self) -> None:
        """Take the figures of this second, and draw."""
        if self._watcher is None:
            return
        collector, now = self._watcher.collector, time.monotonic()
        totals = collector.totals()
        self._history.append((now, totals.packets, totals.octets, collector.talkers()))
        for service, count in collector.events.items():
            if count != self._events[service]:
                self._fresh[service] = now
        self._events = Counter(collector.events)
        if not self._paused:
            self.draw()

    def say(self, text: str) -> None:
        """Keep a notice; the newest has a line of its own, and those at the end stay."""
        at = datetime.now(tz=UTC).strftime("%H:%M:%S")
        self._notices.append(panels.Notice(at, text.replace("\n", "  ")))
        self.draw()

    def service(self, seen: Service) -> None:
        """The table of services shows it."""

    def finding(self, made: Alert) -> None:
        """The list of findings shows it."""

    # -- keys ----------------------------------------------------------------------------------

    def press(self, key: str) -> bool:
        """Act on one key; return whether it is time to stop."""
        if key == "interrupt":
            return True
        if self._typing:
            self._type(key)
            return False
        moves = {"up": -1, "down": 1, "k": -1, "j": 1, "page up": -10, "page down": 10}
        if key == "q":
            return True
        if key in moves:
            self._move(moves[key])
        elif key in ("g", "home"):
            self._chosen = self._begun = 0
        elif key in ("G", "end"):
            self._chosen = max(0, len(self._rows()) - 1)
        elif key in ("escape", "enter", "?", "n"):
            self._turn_page(key)
        elif key == "p":
            self._paused = not self._paused
            self._frozen = self._newest() if self._paused else None
        elif key == "/":
            self._typing, self._filter = True, ""
        elif key == "s":
            place = (SEVERITIES.index(self._least) + 1) % len(SEVERITIES)
            self._least, self._chosen = SEVERITIES[place], 0
        return False

    def _type(self, key: str) -> None:
        """Take a key of the filter."""
        if key in ("enter", "escape"):
            self._typing = False
            self._filter = self._filter if key == "enter" else ""
        elif key == "backspace":
            self._filter = self._filter[:-1]
        elif key == "clear":
            self._filter = ""
        elif len(key) == 1 and len(self._filter) < LONGEST_FILTER:
            self._filter += key
        self._chosen = 0

    def _turn_page(self, key: str) -> None:
        """Open or leave the details, the notices and the help."""
        if key == "?":
            self._helping, self._telling = not self._helping, False
        elif key == "n":
            self._telling, self._helping, self._begun = not self._telling, False, 0
        elif self._open is not None or self._helping or self._telling:
            self._open, self._helping, self._telling = None, False, False
            self._begun = 0
        elif key == "escape":
            self._filter, self._least = "", "info"
        elif rows := self._rows():
            self._open, self._begun = rows[min(self._chosen, len(rows) - 1)], 0

    def _move(self, step: int) -> None:
        if self._open is not None or self._telling:
            self._begun = max(0, self._begun + step)
        else:
            self._chosen = min(max(0, self._chosen + step), max(0, len(self._rows()) - 1))

    # -- the screen ----------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw everything; a little later where the terminal has not taken the screen before."""
        self._stale = self._outlet is not None and self._outlet.busy
        if self._watcher is not None and not self._stale:
            self._live.update(self._screen(), refresh=True)

    def _screen(self) -> Layout:
        width, height = self._console.size
        notice = self._notices[-1] if self._notices and not self._telling else None
        footer = 2 if notice else 1
        lower = height - HEAD - footer
        parts = [Layout(panels.head(self._head(), width), size=HEAD)]
        if self._helping:
            parts.append(Layout(Padding(panels.help_page(), (0, 1))))
        elif self._telling or self._open is not None:
            room = max(width - 2, 1)
            if self._telling:
                lines = panels.notices(self._notices, self._console, room)
            else:
                assert self._open is not None
                lines = panels.details(self._open, self._console, room)
            self._begun = min(self._begun, max(0, len(lines) - lower))
            parts.append(Layout(Padding(panels.page(lines, lower, self._begun), (0, 1))))
        else:
            parts += self._tables(width, lower)
        foot = panels.foot(filter_=self._filter, typing=self._typing, notice=notice)
        parts.append(Layout(foot, size=footer))
        screen = Layout()
        screen.split_column(*parts)
        return screen

    def _tables(self, width: int, height: int) -> list[Layout]:
        """Return services and talkers side by side, findings below; narrow: without talkers."""
        services = self._services()
        talkers = self._talkers() if width >= WIDE else []
        upper = min(max(3, max(len(services), len(talkers)) + 1), max(4, height // 2 - 1))
        left = Layout(Padding(panels.services(services, upper), (0, 1)))
        above = Layout(size=upper + 1)
        if width >= WIDE:
            right = Layout(Padding(panels.talkers(talkers, upper), (0, 1)))
            above.split_row(left, right)
        else:
            above.split_row(left)
        rows, room = self._rows(), height - upper - 1
        self._chosen = min(self._chosen, max(0, len(rows) - 1))
        begun = max(0, min(self._chosen - (room - 2) // 2, len(rows) - room + 1))
        about = f" with “{self._filter}”" if self._filter else ""
        about += f", {self._least} and worse" if self._least != "info" else ""
        below = panels.findings(rows, room, self._chosen, begun, about, wide=width >= WIDE)
        return [above, Layout(Padding(below, (0, 1)))]

    def _head(self) -> panels.Head:
        watcher = self._watcher
        assert watcher is not None
        now, packets, octets, _ = self._history[-1]
        then, packets_then, octets_then, _ = self._history[0]
        span = max(now - then, 1e-9)
        totals = watcher.collector.totals()
        waiting = sum(watcher.delivery.depth().values()) if watcher.delivery else 0
        return panels.Head(
            interfaces=watcher.crew.up,
            running=time.monotonic() - self._began,
            packets=(packets - packets_then) / span,
            octets=(octets - octets_then) / span,
            total=totals.packets,
            flows=totals.flows,
            drops=totals.drops,
            waiting=waiting,
            counts=watcher.collector.found,
            paused=self._paused,
            beside=watcher.companion.summary() if watcher.companion is not None else "",
        )

    def _services(self) -> list[panels.ServiceLine]:
        assert self._watcher is not None
        collector, now = self._watcher.collector, time.monotonic()
        names = {**collector.events, **collector.flows}
        rows = [
            panels.ServiceLine(
                title=collector.index.title(name),
                clients=len(collector.clients.get(name, ())),
                events=collector.events[name],
                flows=collector.flows[name],
                fresh=now - self._fresh.get(name, -60) < WINDOW,
            )
            for name in names
        ]
        return sorted(rows, key=lambda row: -row.events)

    def _talkers(self) -> list[panels.TalkerLine]:
        assert self._watcher is not None
        now, _, _, talked = self._history[-1]
        then, _, _, before = self._history[0]
        span = max(now - then, 1.0)
        title = self._watcher.collector.index.title
        rows = [
            panels.TalkerLine(
                client=client,
                title=title(service),
                octets=octets,
                rate=max(0, octets - before[client, service]) / span,
            )
            for (client, service), octets in talked.most_common(200)
        ]
        return sorted(rows, key=lambda row: (-row.rate, -row.octets))

    def _newest(self) -> list[Finding]:
        assert self._watcher is not None
        newest = reversed(self._watcher.collector.newest)
        found: dict[str, Finding] = {}
        for row in newest:
            found.setdefault(row.id, row)
        return list(found.values())

    def _rows(self) -> list[Finding]:
        """Return the findings to show, the newest first."""
        rows = self._frozen if self._frozen is not None else self._newest()
        rows = [row for row in rows if reaches(row, self._least)]
        return chosen(rows, self._filter) if self._filter else rows
