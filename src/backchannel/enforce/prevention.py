"""The watching half of passive prevention: the policy, the sender, and what was counted."""

import contextlib
import os
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from backchannel import process
from backchannel.catalogue.model import Service
from backchannel.enforce import able, blind, outlets, packing
from backchannel.enforce.onlooker import Orders, Told
from backchannel.enforce.sender import UNSENT
from backchannel.enforce.sender import Orders as SenderOrders
from backchannel.errors import reason
from backchannel.live import config
from backchannel.live.config import Config
from backchannel.live.framing import framed
from backchannel.live.metrics import Page, by
from backchannel.policy.model import Rules
from backchannel.report.words import count
from backchannel.text import escape

NAMES = 1000
"""Different reasons that one parser may count."""
PAST = 64
"""Parsers that died whose counts are kept."""
LARGEST = 1 << 20
"""Bytes of what the sending process may say in a second."""
YOUNG, AGAIN, LONGEST = 60.0, 1.0, 60.0
"""Seconds within which another death of the sending process makes us wait before it is started
again; for how long, doubled each time; and the most.
"""

Notice = Callable[[str], None]
Read = Callable[[Path], tuple[Rules, Mapping[str, Service]]]


class Prevention:
    """What goes along with a watch that prevents."""

    module = "enforce.onlooker"

    def __init__(self, settings: config.Prevent, read: Read, notice: Notice) -> None:
        """*read* returns a policy and the catalogue that it was resolved by; it raises ValueError.

        Raises UsageError, PrivilegeError and OSError before anything is running.
        """
        self._settings, self._read, self._notice = settings, read, notice
        self._rules, self._services, warnings = self._policy(settings)
        self._opened = outlets.open_port(settings.via) if settings.via else outlets.open_routed()
        self._outbox, self._inbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._told: dict[int, Told] = {}
        self._past: list[Told] = []
        self._sent: Counter[str] = Counter()
        self._before: Counter[str] = Counter()
        self._deaths = 0
        self._recent = process.Deaths(YOUNG)
        self._due: float | None = None
        """When the sending process, which died, is started again."""
        self._failing: set[str] = set()
        """Reasons for which packets did not leave, as they were told."""
        self._fresh = False
        self._minute = _clock()
        self._line = b""
        self._start()
        for warning in warnings:
            notice(warning)

    # -- what the watch asks ---------------------------------------------------------------------

    @property
    def fds(self) -> Sequence[int]:
        """The socket that requests leave by."""
        return (self._outbox.fileno(),)

    def orders(self) -> bytes:
        """Return what a parser judges by."""
        judgement = blind.Judgement(
            rules=self._rules, services=dict(self._services), limit=self._settings.mode
        )
        return self._packed(judgement)

    def news(self) -> bytes:
        """Return other rules after a reload, and the time for rules with hours."""
        minute = _clock()
        if self._fresh:
            self._fresh, self._minute = False, minute
            return self.orders()
        if minute != self._minute and any(line.hours for line in self._rules.lines):
            self._minute = minute
            return self._packed(None)
        return b""

    def hear(self, number: int, body: bytes) -> None:
        """Take what parser *number* counted."""
        try:
            told: Told = packing.decode(body, Told)
        except ValueError:
            self._notice(f"parser {number} sent figures of its prevention that make no sense")
            return
        if len(told.reasons) > NAMES or len(told.counters) > NAMES:
            return
        before = self._told.get(number)
        if before is not None and _sum(told) < _sum(before):  # another one has taken its place
            self._past = [*self._past, before][-PAST:]
        self._told[number] = told

    def look(self) -> None:
        """Hear the sending process; start it again where it died."""
        self._hear()
        if self._process.poll() is None:
            return
        now, dead = time.monotonic(), self._process
        if self._due is None:
            self._due = now + self._died()
        if now < self._due:
            return
        try:
            self._start()
        except OSError as error:
            self._due = now + LONGEST
            self._notice(f"the process that sends resets cannot be started: {reason(error)}")
        else:
            self._due = None
            _close_pipes(dead)

    def _died(self) -> float:
        """Tell that the sending process died; return the seconds until it is started again."""
        self._deaths += 1
        self._before += self._sent
        self._sent = Counter()
        before = self._recent.another() - 1
        pause = min(LONGEST, AGAIN * 2 ** (before - 1)) if before else 0.0
        told = (
            f"again, and starts in {count(int(pause), 'second')}" if pause else "and is restarted"
        )
        self._notice(f"the process that sends resets died {told}; nothing is sent until then")
        return pause

    def reload(self, wanted: Config) -> None:
        """Read the policy again. Raises ValueError and OSError, and changes nothing then."""
        settings, old = wanted.prevent, self._settings
        if settings.policy is None:
            return
        rules, services, warnings = self._policy(settings)
        self._rules, self._services, self._fresh = rules, services, True
        self._settings = msgspec.structs.replace(settings, via=old.via)
        self._order(self._orders())
        for warning in warnings:
            self._notice(warning)

    def figures(self, page: Page) -> None:
        """Add reasons and packets to the metrics."""
        page.counter(
            "policy_matches",
            "Uses that the policy refuses or wants to be told of.",
            [
                (
                    {
                        "action": action,
                        "line": line,
                        "service": service,
                        "capability": capability,
                    },
                    times,
                )
                for (action, line, service, capability), times in sorted(self.reasons().items())
            ],
        )
        page.counter(
            "prevention", "What was sent to prevent, and why not.", by("what", self.counters())
        )

    def reasons(self) -> Counter[tuple[str, str, str, str]]:
        """Return what the policy refused: action, line, service, capability -> times."""
        found: Counter[tuple[str, str, str, str]] = Counter()
        for told in (*self._past, *self._told.values()):
            for *key, times in told.reasons:
                found[tuple(key)] += times  # type: ignore[index]
        return found

    def counters(self) -> Counter[str]:
        """Return everything else that was counted."""
        found = self._before + self._sent
        for told in (*self._past, *self._told.values()):
            found.update(told.counters)
        if self._deaths:
            found["sending processes that died"] = self._deaths
        return found

    def summary(self) -> str:
        """Return a few words for the view."""
        done: Counter[str] = Counter()
        for (action, *_), times in self.reasons().items():
            done[action] += times
        words = [f"{times:,} {action}" for action, times in sorted(done.items())]
        sent = self._before + self._sent
        if unsent := sum(times for what, times in sent.items() if what.startswith(UNSENT)):
            words.append(f"{count(unsent, 'packet')} not sent")
        return "policy: " + (", ".join(words) or "nothing refused")

    def close(self) -> None:
        """End the sending process."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._hear()
        _close_pipes(self._process)
        for fd in self._opened.fds:
            os.close(fd)
        self._outbox.close()
        self._inbox.close()
        for what, times in sorted(self.counters().items()):
            self._notice(f"prevention: {times:,} {escape(what)}")

    # -- inside ----------------------------------------------------------------------------------

    def _policy(
        self, settings: config.Prevent
    ) -> tuple[Rules, Mapping[str, Service], tuple[str, ...]]:
        assert settings.policy is not None
        rules, services = self._read(settings.policy)
        gaps = able.check(rules, settings.mode)
        seen, warnings = blind.seen(rules)
        return seen, services, (*gaps, *warnings)

    def _packed(self, judgement: blind.Judgement | None) -> bytes:
        return packing.encode(
            Orders(
                judgement=judgement,
                outbox=self._outbox.fileno(),
                attempts=self._settings.attempts,
                hour=_clock(),
            )
        )

    def _orders(self, **first: object) -> SenderOrders:
        return SenderOrders(
            rules=blind.spared(self._rules),
            rate=self._settings.rate,
            unreachable=self._settings.unreachable,
            **first,  # type: ignore[arg-type]
        )

    def _start(self) -> None:
        made = process.start(
            "enforce.sender",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            fds=(*self._opened.fds, self._inbox.fileno()),
        )
        assert made.stdout is not None
        os.set_blocking(made.stdout.fileno(), False)
        self._process, self._line = made, b""
        self._order(self._orders(opened=self._opened, inbox=self._inbox.fileno()))

    def _order(self, orders: SenderOrders) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # a dead process is noticed elsewhere
            self._process.stdin.write(framed(packing.encode(orders)))
            self._process.stdin.flush()

    def _hear(self) -> None:
        """Take the newest figures of the sending process."""
        assert self._process.stdout is not None
        try:
            self._line += os.read(self._process.stdout.fileno(), LARGEST)
        except BlockingIOError:
            return
        *lines, self._line = self._line.split(b"\n")
        if lines:
            with contextlib.suppress(msgspec.MsgspecError):
                self._sent = Counter(msgspec.json.decode(lines[-1], type=dict[str, int]))
        for what in sorted(self._sent.keys() - self._failing):
            if what.startswith(UNSENT):
                self._failing.add(what)
                self._notice(f"what the policy refuses may go on: {escape(what)}")


def _close_pipes(made: "subprocess.Popen[bytes]") -> None:
    for pipe in (made.stdin, made.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _sum(told: Told) -> int:
    return sum(reason[-1] for reason in told.reasons) + sum(told.counters.values())


def _clock() -> tuple[int, int]:
    """Return weekday (Monday: 0) and minute of the day by this machine's clock."""
    now = datetime.now()  # noqa: DTZ005 - the sensor's own clock, as the policy says
    return now.weekday(), now.hour * 60 + now.minute
