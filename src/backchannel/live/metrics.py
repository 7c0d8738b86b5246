"""Figures for Prometheus, in its text format 0.0.4, served on loopback unless told otherwise.

Names begin with `backchannel_`, counters end with `_total`, units are seconds and bytes. No label
holds a host, an account or anything else from the wire: only interfaces, services of the catalogue,
severities, receivers and our own names of counters.
"""

import platform
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from typing import TYPE_CHECKING

from backchannel import __version__
from backchannel.detect.model import SEVERITIES
from backchannel.errors import reason
from backchannel.live import config
from backchannel.live.sinks.connection import split

if TYPE_CHECKING:
    from backchannel.live.collector import Totals
    from backchannel.live.delivery import Delivery
    from backchannel.live.watcher import Watcher

CONTENT = "text/plain; version=0.0.4; charset=utf-8"
TIMEOUT = 5.0

Rows = Iterable[tuple[Mapping[str, str], float]]


class Server:
    """Serves a page of figures, where one is asked for."""

    def __init__(self, listen: str, made: Callable[[], str]) -> None:
        """*listen*: address and port, or empty for nowhere; *made* returns the page, and is called
        in another thread. Raises ValueError and OSError where it cannot listen.
        """
        self._made, self._text, self._at = made, "", 0.0
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        if not listen:
            return
        host, port = split(listen)
        kind = _Server6 if ":" in host else ThreadingHTTPServer
        try:
            self._server = kind((host, port), _handler(self.read))
        except OSError as error:
            told = reason(error)
            raise OSError(error.errno, f"metrics cannot be served: {told}", listen) from None
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True, name="metrics").start()

    def read(self) -> str:
        """Return what scrapers get. It is made anew at most twice a second."""
        with self._lock:
            if time.monotonic() - self._at > 0.5:
                self._text, self._at = self._made(), time.monotonic()
            return self._text

    def close(self) -> None:
        """Serve no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class Metrics(Server):
    """Those of a watch."""

    def __init__(self, settings: config.Metrics, watcher: "Watcher") -> None:
        """Raises ValueError and OSError where it cannot listen."""
        self._watcher, self._began = watcher, time.time()
        super().__init__(settings.listen, self._page)

    def _page(self) -> str:
        page, watcher = Page(), self._watcher
        page.begin(self._began)
        totals = watcher.collector.totals()
        self._wire(page, totals)
        self._traffic(page, totals)
        lost = watcher.outputs.lost()
        page.counter("output_lost", "Records that files did not take.", by("output", lost))
        if watcher.companion is not None:
            watcher.companion.figures(page)
        alerts(page, watcher.delivery)
        page.counter("cpu_seconds", "Processor time of the parsers.", [({}, totals.cpu)])
        page.gauge("parser_memory_bytes", "Memory of the parsers.", [({}, totals.memory)])
        return page.text()

    def _wire(self, page: "Page", totals: "Totals") -> None:
        """Add what came from the interfaces, and what did not."""
        collector, crew = self._watcher.collector, self._watcher.crew
        page.counter("packets", "Packets that were looked at.", [({}, totals.packets)])
        page.counter("captured_bytes", "Bytes of them.", [({}, totals.octets)])
        kernel = collector.kernel()
        page.counter(
            "kernel_packets",
            "Packets that the kernel had for us, dropped ones included.",
            [({"interface": name}, row[0]) for name, row in kernel.items()],
        )
        page.counter(
            "kernel_drops",
            "Packets that the kernel dropped because we were too slow.",
            [({"interface": name}, row[1]) for name, row in kernel.items()],
        )
        page.gauge(
            "interfaces", "Interfaces, expected to be up and up.",
            [({"state": "expected"}, len(crew.up)), ({"state": "up"}, sum(crew.up.values()))],
        )  # fmt: skip
        page.gauge(
            "interface_up",
            "Whether packets can come from an interface.",
            [({"interface": name}, up) for name, up in crew.up.items()],
        )

    def _traffic(self, page: "Page", totals: "Totals") -> None:
        """Add what was made of it."""
        collector = self._watcher.collector
        page.counter("flows", "Flows that were seen.", [({}, totals.flows)])
        page.gauge("live_streams", "Streams that a decoder reads now.", [({}, totals.live)])
        counters = collector.counters()
        page.counter(
            "unseen",
            "What could not be seen, kept or understood, by the name in docs/flows.md.",
            [({"what": name}, count) for name, count in sorted(counters.items())],
        )
        evicted = counters.get("flows evicted to bound memory", 0)
        page.counter("flow_evictions", "Flows ended early to bound memory.", [({}, evicted)])
        page.counter("events", "Events decoded.", by("service", collector.events))
        page.counter("service_flows", "Flows that ended.", by("service", collector.flows))
        page.counter(
            "findings",
            "Findings, each counted once.",
            [({"severity": name}, collector.found[name]) for name in SEVERITIES],
        )
        page.counter("findings_suppressed", "Accepted findings.", [({}, collector.suppressed)])


def alerts(page: "Page", delivery: "Delivery | None") -> None:
    """Add what became of alerts."""
    if delivery is None:
        return
    told = (
        ("alerts_sent", "Alerts delivered.", delivery.sent),
        ("alert_failures", "Attempts that failed.", delivery.failed),
        ("alerts_refused", "Alerts that a receiver did not want.", delivery.refused),
        ("alerts_dropped", "Alerts that had to go undelivered.", delivery.dropped),
    )
    for name, help_, counts in told:
        rows = {receiver: counts.get(receiver, 0) for receiver in delivery.names}
        page.counter(name, help_, by("receiver", rows))
    page.gauge("alerts_waiting", "Alerts not delivered yet.", by("receiver", delivery.depth()))


class Page:
    """Metrics under way to text."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def begin(self, began: float) -> None:
        """Add what every page has: what runs, and since when (seconds since 1970)."""
        about = {"version": __version__, "python": platform.python_version()}
        self.gauge("build_info", "What runs here.", [(about, 1)])
        self.gauge("start_time_seconds", "When it began.", [({}, began)])

    def counter(self, name: str, about: str, rows: Rows) -> None:
        """Add what only grows."""
        self._add(f"backchannel_{name}_total", "counter", about, rows)

    def gauge(self, name: str, about: str, rows: Rows) -> None:
        """Add what goes up and down."""
        self._add(f"backchannel_{name}", "gauge", about, rows)

    def text(self) -> str:
        """Return the page."""
        return "\n".join(self._lines) + "\n"

    def _add(self, name: str, kind: str, about: str, rows: Rows) -> None:
        self._lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
        for labels, value in rows:
            inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            number = repr(float(value)) if isinstance(value, float) else str(int(value))
            self._lines.append(f"{name}{{{inside}}} {number}" if inside else f"{name} {number}")


class _Server6(ThreadingHTTPServer):
    address_family = AF_INET6


def by(label: str, counts: Mapping[str, int]) -> Rows:
    """Return rows of one label."""
    return [({label: name}, count) for name, count in sorted(counts.items())]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _handler(read: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self.send_error(404, "only /metrics is here")
                return
            body = read().encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    return Handler
