"""The guard's figures for Prometheus. No label holds a host, an account or anything of the wire."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from backchannel.enforce import status
from backchannel.live.metrics import Page, Server, alerts, by

if TYPE_CHECKING:
    from backchannel.enforce.guard import Guard
    from backchannel.enforce.telling import Telling


class Metrics(Server):
    """Those of a guard."""

    def __init__(self, listen: str, guard: "Guard", telling: "Telling") -> None:
        """Raises ValueError and OSError where it cannot listen."""
        self._guard, self._telling, self._began = guard, telling, time.time()
        super().__init__(listen, self._page)

    def _page(self) -> str:
        """Return the page. Reads what the inspector told last: another thread asks it."""
        page, found = Page(), status.of(self._guard, current=False)
        page.begin(self._began)
        page.counter(
            "guard_refusals",
            "What was refused, or told of, by reason.",
            [
                (
                    {
                        "action": each.action,
                        "line": each.line,
                        "service": each.service,
                        "capability": each.capability,
                    },
                    each.times,
                )
                for each in found.refusals
            ],
        )
        page.counter("guard_flows", "Flows that were seen.", [({}, found.flows)])
        page.counter(
            "guard_flows_settled",
            "Flows that the kernel alone handles since.",
            [({}, found.given_to_kernel)],
        )
        _queues(page, found)
        for name, at in (("packets", 0), ("bytes", 1)):
            rows = {what: row[at] for what, row in found.kernel.items()}
            page.counter(f"guard_kernel_{name}", "What the kernel handled alone.", by("what", rows))
        page.counter("guard_events", "What else happened to packets.", by("what", found.counters))
        page.counter("unseen", "What could not be seen or kept.", by("what", found.core))
        _parts(page, found)
        lost = self._telling.lost()
        page.counter("output_lost", "Records that files did not take.", by("output", lost))
        alerts(page, self._telling.delivery)
        return page.text()


_QUEUES: dict[str, tuple[str, Callable[[status.QueueStatus], int]]] = {
    "received": ("Packets that came to us.", lambda row: row.received),
    "answered": ("Verdicts that were sent.", lambda row: row.answered),
    "dropped_full": ("Packets that a full queue dropped.", lambda row: row.dropped_full),
    "dropped_socket": ("Packets without room in the socket.", lambda row: row.dropped_socket),
    "refused": ("Verdicts that the kernel did not take.", lambda row: row.refused),
}


def _queues(page: Page, found: status.Status) -> None:
    for name, (about, value) in _QUEUES.items():
        rows = [
            ({"queue": str(row.number), "fails": row.fails}, value(row)) for row in found.queues
        ]
        page.counter(f"guard_queue_{name}", about, rows)
    rows = [({"queue": str(row.number), "fails": row.fails}, row.waiting) for row in found.queues]
    page.gauge("guard_queue_waiting", "Packets that wait in the kernel.", rows)


def _parts(page: Page, found: status.Status) -> None:
    up = {"inspector": int(found.judging)}
    page.gauge("guard_up", "Whether packets are judged.", by("part", up))
    restarts = {
        "inspector": found.inspector_restarts,
        "watchdog": found.watchdog_restarts,
        "rules": found.rules_restored,
    }
    page.counter("guard_restarts", "Parts that were lost and replaced.", by("part", restarts))
    page.counter("guard_reloads", "Policies that were read again.", [({}, found.reloads)])
    page.gauge(
        "guard_reload_failed",
        "1 where the last reload changed nothing, because something is wrong.",
        [({}, int(bool(found.trouble)))],
    )
