"""The state of tunnels as a file of Prometheus metrics, for node_exporter's textfile collector.

Every connection that is configured has its row, up or not: a tunnel that is down must not vanish.
No label holds anything from the wire.
"""

from collections import Counter
from pathlib import Path

from backchannel.cli import outputs
from backchannel.diagnose.advice import advice
from backchannel.diagnose.document import Diagnosis
from backchannel.live.metrics import Page, by
from backchannel.text import escape

_STATES = "up", "down", "never seen"


def write(path: Path, told: Diagnosis) -> None:
    """Write them; who reads the file meanwhile finds the old one or the new one."""
    half = path.with_name(f"{path.name}.half")
    with outputs.named(path):
        half.write_text(_page(told))
        half.replace(path)


def _page(told: Diagnosis) -> str:
    page = Page()
    page.gauge(
        "ipsec_connection_up",
        "Whether a configured connection carries in both directions.",
        [
            ({"connection": escape(each.name), "file": escape(each.file)}, each.state == "up")
            for each in told.configured
        ],
    )
    states: Counter[str] = Counter(each.state for each in told.configured)
    page.gauge(
        "ipsec_connections",
        "Configured connections by state.",
        by("state", {state: states[state] for state in _STATES}),
    )
    conditions = Counter(each.id for found in told.gateways for each in found.conclusions)
    page.gauge(
        "ipsec_conditions",
        "Pairs of gateways with a condition of diagnose.",
        by("condition", {name: conditions[name] for name in advice()}),
    )
    return page.text()
