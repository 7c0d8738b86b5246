"""The watching half: hears the parsers, and makes findings, files, alerts, figures and reports.

    parsers -> messages -> collector -> findings -> screen, files, alerts, evidence
                                     -> observations -> files

One loop, no thread but those that wait for others (receivers of alerts, scrapers of metrics).
"""

import gc
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from types import FrameType

from backchannel.detect.model import SEVERITIES, Finding
from backchannel.errors import reason
from backchannel.live import alert as alerts
from backchannel.live import messages, setup
from backchannel.live.collector import Collector
from backchannel.live.companion import Companion
from backchannel.live.config import Config
from backchannel.live.crew import Crew
from backchannel.live.delivery import Delivery, deliver
from backchannel.live.evidence import Evidence
from backchannel.live.metrics import Metrics
from backchannel.live.outputs import Outputs
from backchannel.live.reload import kept
from backchannel.live.screen import Screen
from backchannel.live.setup import Knowledge
from backchannel.notify import Service

SLICE = 0.1
"""Seconds that the loop waits at most."""
SECOND = 1.0
FORGET_EVERY = 60.0
LAST_WORDS = 30.0
"""Seconds that parsers have to finish."""
GARBAGE = 500_000

Load = Callable[[], tuple[Config, Knowledge]]
Notice = Callable[[str], None]
Accompany = Callable[[Config, Notice], Companion | None]


class Watcher:
    """A watch, from the first packet to the last file."""

    def __init__(self, load: Load, screen: Screen, accompany: Accompany = lambda *_: None) -> None:
        """*load* reads configuration and everything it names; called again at each reload.
        *accompany* makes what is done beside watching, where the configuration asks for it.

        Raises UsageError, InputError, PrivilegeError and OSError, and leaves nothing running then.
        """
        self._load, self._screen = load, screen
        config, known = load()
        self.config = config = setup.keyed(config)
        self._stopping = self._reloading = False
        self._ask = 0
        self._remarks = known.idle
        self._sensor = socket.gethostname()
        self._service = Service()
        self.collector = Collector(
            rules=known.rules,
            index=known.index,
            disclosure=known.disclosure,
            repeat=known.repeat,
            workers=config.capture.workers,
            suppressions=known.suppressions,
            report=config.output.report is not None,
        )
        self.collector.on_service = screen.service
        self._open(config, known, accompany)

    def _open(self, config: Config, known: Knowledge, accompany: Accompany) -> None:
        """Open files and sockets and start processes; where one cannot be, let go of the others."""
        workers = config.capture.workers
        with ExitStack() as undo:
            self.outputs = Outputs(config.output, known.disclosure, workers, self.notice)
            undo.callback(self.outputs.close)
            self.collector.listeners = [self.outputs.observation] if self.outputs.reads else []
            self.delivery = self._deliver(config)
            if self.delivery is not None:
                undo.callback(self.delivery.close, wait=0)
            self.companion = accompany(config, self.notice)
            if self.companion is not None:
                undo.callback(self.companion.close)
            task, captures = self._task(config, known), setup.captures(config)
            self.crew = Crew(captures, task, workers, companion=self.companion)
            undo.callback(self.crew.close)
            self.evidence = Evidence(config, self.notice)
            undo.callback(self.evidence.close)
            self.metrics = Metrics(config.metrics, self)
            undo.pop_all()

    def _task(self, config: Config, known: Knowledge) -> messages.Task:
        """Return what parsers are to do; whoever starts them adds their sockets."""
        return messages.Task(
            captures=(),
            settings=config.flows,
            index=known.index,
            everything=known.everything,
            read=self._read(),
            collect=config.output.flows is not None,
            talkers=self._screen.talkers,
        )

    # -- the loop ------------------------------------------------------------------------------

    def run(self, seconds: float | None = None) -> None:
        """Watch until told to stop, or for so many *seconds*; then write everything."""
        gc.set_threshold(GARBAGE)
        began = looked = forgot = reported = time.monotonic()
        with _signals(self._signalled) as woken, self._screen:
            poll = select.poll()
            for fd in (woken, self.crew.fileno(), *self._screen.inputs()):
                poll.register(fd, select.POLLIN)
            while not self.crew.ready and not self._stopping and not self.failed:
                select.select([self.crew.fileno(), woken], [], [], SLICE)
                self._hear()
            self._screen.start(self)
            for text in self._remarks:
                self.notice(text)
            self._service.ready(f"watching {', '.join(self.config.capture.interfaces)}")
            began = time.monotonic()
            while not self._stopping and not self.failed:
                poll.poll(SLICE * 1000)
                self._service.alive()
                _empty(woken)
                if self._reloading:
                    self._reload()
                self._hear()
                self._stopping = self._screen.look() or self._stopping
                now = time.monotonic()
                if now - looked >= SECOND:
                    looked = now
                    self._each_second()
                if now - forgot >= FORGET_EVERY:
                    forgot = now
                    self.collector.forget(self.config.findings.forget)
                every = self.config.output.report_every
                if every is not None and now - reported >= every:
                    reported = now
                    self._ask = len(self.crew.members)
                    self.crew.tell(messages.Ask())
                if seconds is not None and now - began >= seconds:
                    self._stopping = True
            self._finish()

    @property
    def failed(self) -> bool:
        """Whether the watch ends because its parsers die again and again."""
        return self.crew.failed

    def _hear(self) -> None:
        """Take what the parsers have told, and act on what was found in it."""
        self.crew.hear(self._take)
        for finding, again in self.collector.fresh():
            self._found(finding, again=again)
        self.outputs.flush()
        for text in self.crew.notices:
            self.notice(text)
        self.crew.notices.clear()

    def _take(self, number: int, report: messages.Report) -> None:
        """Take what parser *number* told. Raises framing.Broken for what cannot be."""
        if isinstance(report, messages.Flows):
            self.outputs.flows(number, report)
        elif isinstance(report, messages.Beside):
            if self.companion is not None:
                self.companion.hear(number, report.body)
        else:
            self.collector.take(number, report)
            if isinstance(report, messages.Logins) and self._ask:
                self._ask -= 1
                if not self._ask:
                    self._report(timed=True)

    def _each_second(self) -> None:
        self.crew.look()
        self.evidence.work()
        if self.companion is not None:
            self.companion.look()
            if news := self.companion.news():
                self.crew.tell(messages.Orders(news))
        self._screen.tick()

    def _finish(self) -> None:
        """Let the parsers tell everything they have, and write it."""
        self._service.stopping()
        self._screen.say("stopping: reading what has come, and writing everything")
        self.crew.tell(messages.Stop())
        until = time.monotonic() + LAST_WORDS
        while not self.crew.finished and time.monotonic() < until:
            select.select([self.crew.fileno()], [], [], SLICE)
            self._hear()
        if not self.crew.finished:
            self.notice("a parser did not finish in time; the end of what it saw is lost")
        if self.config.output.report is not None:
            self._report(timed=self.config.output.report_every is not None)
        self.evidence.close()
        self.outputs.close()
        self.metrics.close()
        if self.delivery is not None:
            self.delivery.close()
        self.crew.close()
        if self.companion is not None:
            self.companion.close()

    # -- what was found ------------------------------------------------------------------------

    def notice(self, text: str) -> None:
        """Tell a person something about the watch itself."""
        self._screen.say(text)

    def _read(self) -> messages.Read | None:
        """Return the events that somebody reads; None: all."""
        if self.companion is not None:
            return None
        return None if self.outputs.reads else self.collector.read

    def _found(self, finding: Finding, *, again: bool) -> None:
        made = alerts.alert(finding, self._sensor, repeated=again)
        self._screen.finding(made)
        self.outputs.alert(made)
        if self.delivery is not None:
            self.delivery.put(made)
        if not again:
            self.evidence.want(finding)

    def reached(self, least: str) -> bool:
        """Say whether there was a finding of severity *least* or worse."""
        at = SEVERITIES.index(least)
        return any(self.collector.found[name] for name in SEVERITIES[at:])

    def _report(self, *, timed: bool) -> None:
        """Write the report; a *timed* one has its time in its name, and begins another period."""
        path = self.config.output.report
        assert path is not None
        if timed:
            moment = datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%SZ")
            path = path.with_name(f"{path.stem}-{moment}{path.suffix}")
        from backchannel.report.html import page  # noqa: PLC0415 - only where asked

        try:
            text = page(self.collector.document(), self.collector.index)
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f"{path.name}.part")
            half.write_text(text, encoding="utf-8")
            half.replace(path)
        except OSError as error:
            self.notice(f"{path}: {reason(error)}; this report is lost")
            return
        self.notice(f"written: {path}")
        if timed:
            self.collector.turn()

    # -- reload --------------------------------------------------------------------------------

    def _signalled(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._reloading = True
        else:
            self._stopping = True

    def _reload(self) -> None:
        """Read configuration, catalogue and rules again. What is wrong changes nothing."""
        self._reloading = False
        try:
            wanted, known = self._load()
            config, waiting = kept(self.config, wanted)
            self._open_again(config)
        except (ValueError, OSError) as error:
            self.notice(f"not reloaded, the old configuration stays:\n{error}")
            return
        self.config = config
        self.collector.reload(
            rules=known.rules,
            index=known.index,
            disclosure=known.disclosure,
            repeat=known.repeat,
            suppressions=known.suppressions,
            report=config.output.report is not None,
        )
        self.outputs.disclosure = known.disclosure
        self.collector.listeners = [self.outputs.observation] if self.outputs.reads else []
        self.evidence.use(config.evidence)
        self.crew.tell(messages.Reload(known.index, known.everything, self._read()))
        for text in known.idle:
            self.notice(text)
        for name in waiting:
            self.notice(f"{name}: changed; that takes effect at the next start")
        self.notice(f"reloaded: {len(known.rules)} rules, {len(known.index.services)} services")

    def _open_again(self, config: Config) -> None:
        """Open what *config* names otherwise than before; what fails leaves the old open.

        Raises ValueError and OSError.
        """
        old, captures, outputs, metrics = self.config, None, self.outputs, self.metrics
        with ExitStack() as undo:
            if config.capture.filter != old.capture.filter:
                captures = setup.captures(config)
            if config.output != old.output:
                self.outputs.flush()
                workers = config.capture.workers
                outputs = Outputs(config.output, self.collector.disclosure, workers, self.notice)
                undo.callback(outputs.close)
            if config.metrics != old.metrics:
                metrics = Metrics(config.metrics, self)
                undo.callback(metrics.close)
            if self.companion is not None:
                self.companion.reload(config)
            if self.delivery is None:
                self.delivery = self._deliver(config)
            else:
                self.delivery.use(config.alerts.receivers)
            undo.pop_all()
        if captures is not None:
            self.crew.filter(captures)
            self.evidence.filter(captures)
        if outputs is not self.outputs:
            self.outputs.close()
            outputs.before = self.outputs.lost()
            self.outputs = outputs
        if metrics is not self.metrics:
            self.metrics.close()
            self.metrics = metrics

    def _deliver(self, config: Config) -> Delivery | None:
        alerts = config.alerts
        return deliver(alerts.receivers, alerts.spool, alerts.spool_limit, self.notice)


class _signals:  # noqa: N801 - used as a function
    """Calls *handle* with signals, and gives a descriptor that they make readable."""

    NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, handle: Callable[[int], None]) -> None:
        self._handle = handle

    def __enter__(self) -> int:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._come) for number in self.NUMBERS}
        return self._read

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        signal.set_wakeup_fd(-1)
        os.close(self._read)
        os.close(self._write)

    def _come(self, number: int, _frame: FrameType | None) -> None:
        self._handle(number)


def _empty(fd: int) -> None:
    try:
        os.read(fd, 512)
    except BlockingIOError:
        return
