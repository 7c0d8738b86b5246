"""Brings alerts from the spool to their receivers: one thread each, with patience.

A receiver that fails is tried again after a second, then two, and so on up to a minute, each time a
little earlier or later, so that many sensors do not come at once.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from backchannel.errors import reason
from backchannel.live import alert as alerts
from backchannel.live.alert import Alert
from backchannel.live.config import Nats, Syslog, Webhook
from backchannel.live.sinks import Refused, Sink
from backchannel.live.sinks.nats import NatsSink
from backchannel.live.sinks.syslog import SyslogSink
from backchannel.live.sinks.webhook import WebhookSink
from backchannel.live.spool import Spool

FIRST, LONGEST = 1.0, 60.0
"""Seconds before the second attempt, and at most between two."""

Receiver = Syslog | Webhook | Nats
Notice = Callable[[str], None]


def sink(receiver: Receiver) -> Sink:
    """Return the sink for *receiver*. Raises ValueError and OSError for what cannot be."""
    match receiver:
        case Syslog():
            return SyslogSink(receiver)
        case Webhook():
            return WebhookSink(receiver)
        case Nats():
            return NatsSink(receiver)


def deliver(
    receivers: Sequence[Receiver], path: Path, limit: int, notice: Notice
) -> "Delivery | None":
    """Begin to bring alerts to *receivers* by the spool in *path*, which holds *limit* for each;
    None where there are no receivers.

    Raises InputError, ValueError and OSError for what cannot be, and leaves nothing open then.
    """
    if not receivers:
        return None
    made = Delivery(Spool(path, limit), notice)
    try:
        made.use(receivers)
    except (ValueError, OSError):
        made.close(wait=0)
        raise
    return made


class Delivery:
    """All receivers of a watch."""

    def __init__(self, spool: Spool, notice: Notice) -> None:
        """*spool* is closed with it."""
        self._spool, self._notice = spool, notice
        self._couriers: list[_Courier] = []
        self._leaving: list[_Courier] = []
        """Those that were told to stop and still wait for a receiver's answer."""
        self.sent: Counter[str] = Counter()
        """Alerts delivered, by receiver."""
        self.failed: Counter[str] = Counter()
        """Attempts that failed, by receiver."""
        self.refused: Counter[str] = Counter()
        """Alerts that a receiver did not want, by receiver."""
        self._tell_damage()

    @property
    def names(self) -> list[str]:
        """Names of all receivers."""
        return [courier.receiver.name for courier in self._couriers]

    @property
    def dropped(self) -> Counter[str]:
        """Alerts that had to go undelivered, by receiver."""
        return self._spool.dropped

    def use(self, receivers: Sequence[Receiver]) -> None:
        """Deliver to *receivers* from now on. Raises ValueError and OSError, and changes nothing
        then.
        """
        made = [_Courier(self, receiver, sink(receiver)) for receiver in receivers]
        self._stop()
        self._couriers = made
        for courier in made:
            courier.start()

    def put(self, made: Alert) -> None:
        """Send an alert to all who want one of its severity."""
        names = [
            courier.receiver.name
            for courier in self._couriers
            if alerts.reaches(made.finding, courier.receiver.least)
        ]
        if names:
            self._spool.put(names, made.id, alerts.body(made))

    def close(self, wait: float = 3) -> None:
        """Give what waits *wait* seconds, and stop. What is left stays in the spool, which is open
        as long as somebody may still have to note there that an alert has arrived.
        """
        until = time.monotonic() + wait
        while wait and time.monotonic() < until and any(self.depth().values()):
            time.sleep(0.05)
        self._stop()
        if self._leaving:
            self._spool.store()
        else:
            self._spool.close()

    def _stop(self) -> None:
        for courier in self._couriers:
            courier.stop()
        for courier in self._couriers:
            courier.join(timeout=1)
        told = (*self._leaving, *self._couriers)
        self._leaving = [courier for courier in told if courier.is_alive()]

    def depth(self) -> dict[str, int]:
        """Return how many alerts wait, by receiver."""
        return self._spool.depth(self.names)

    # -- called by the couriers ----------------------------------------------------------------

    def attempt(self, courier: "_Courier") -> bool:
        """Try to deliver the oldest alert; return whether to go on at once. Raises OSError."""
        name = courier.receiver.name
        found = self._spool.first(name)
        self._tell_damage()
        if found is None:
            return False
        key, body = found
        try:
            courier.sink.deliver(alerts.read(body), body)
            self.sent[name] += 1
        except (Refused, ValueError) as error:
            self.refused[name] += 1
            self._notice(f"{name} refused an alert: {error}")
        except OSError as error:
            self.failed[name] += 1
            if not courier.troubled:
                self._notice(f"{name} cannot be reached: {reason(error)}; alerts wait")
            courier.troubled = True
            raise
        if courier.troubled:
            courier.troubled = False
            self._notice(f"{name} can be reached again")
        self._spool.done(name, key)
        return True

    def _tell_damage(self) -> None:
        moved, self._spool.moved = self._spool.moved, ""
        if moved:
            self._notice(f"{self._spool.path} was damaged, and is now {moved}")

    def wait(self, seconds: float) -> None:
        """Wait for new alerts."""
        with self._spool.arrived:
            self._spool.arrived.wait(seconds)

    def wake(self) -> None:
        """Let everybody look."""
        with self._spool.arrived:
            self._spool.arrived.notify_all()


class _Courier(threading.Thread):
    """One receiver's thread."""

    def __init__(self, delivery: Delivery, receiver: Receiver, made: Sink) -> None:
        super().__init__(daemon=True, name=f"alerts to {receiver.name}")
        self.receiver, self.sink, self.troubled = receiver, made, False
        self._delivery = delivery
        self._stopping = threading.Event()

    def run(self) -> None:
        """Deliver until told to stop."""
        pause = 0.0
        while not self._stopping.is_set():
            try:
                if self._delivery.attempt(self):
                    pause = 0.0
                    continue
            except OSError:
                pause = min(LONGEST, pause * 2 or FIRST)
                self._stopping.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
                continue
            self._delivery.wait(1.0)
        self.sink.close()

    def stop(self) -> None:
        """Stop as soon as may be."""
        self._stopping.set()
        self._delivery.wake()
