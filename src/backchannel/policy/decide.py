"""What a policy itself says of one flow, by the ports of the catalogue: no firewall asked.

Evaluators of emitted texts, and the kernel, are held against this; `explain` begins with it.
"""

from datetime import datetime
from typing import Literal

import msgspec

from backchannel.policy.model import (
    Address,
    Carrier,
    Hours,
    Lifeline,
    Line,
    Party,
    Ports,
    Rules,
    Use,
)


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """The first packet of a flow, as a firewall sees it."""

    carrier: Carrier
    client: Address
    server: Address
    client_port: int = 0
    server_port: int = 0
    arrives: str = ""
    """Interface it comes in by; empty where not known, and then no rule of an interface fits."""
    leaves: str = ""
    at: datetime | None = None
    """Local time; None where not known: rules with hours count as holding."""


class Decision(msgspec.Struct, frozen=True):
    """What becomes of a flow, and what decided it."""

    verdict: Literal["allow", "deny"]
    by: Line | Lifeline | None
    """None: the default."""
    use: Use | None = None
    alerts: tuple[Line, ...] = ()
    """Lines that told of it on the way."""


def decide(rules: Rules, flow: Flow) -> Decision:
    """Return what *rules* say of *flow*: lifelines, then the first line that fits, then default."""
    for life in rules.lifelines:
        if opens(flow, life.client, life.server) and _at(flow, (life.ports,)):
            return Decision("allow", life)
    alerts = list[Line]()
    for line in rules.lines:
        use = _fits(line, flow)
        if use is None:
            continue
        if line.action != "alert":
            return Decision(line.action, line, use, tuple(alerts))
        alerts.append(line)
    return Decision(rules.default, None, None, tuple(alerts))


def _fits(line: Line, flow: Flow) -> Use | None:
    if line.hours is not None and not _now(line.hours, flow.at):
        return None
    if not any(opens(flow, client, server) for client, server in line.openings()):
        return None
    return next((use for use in line.uses if _at(flow, use.ports)), None)


def opens(flow: Flow, client: Party, server: Party) -> bool:
    """Say whether *flow* goes from *client* to *server*."""
    arrives = client.includes(flow.client, flow.arrives)
    return arrives and server.includes(flow.server, flow.leaves)


def _at(flow: Flow, ports: tuple[Ports, ...]) -> bool:
    return any(
        each.carrier == flow.carrier
        and (flow.carrier in ("esp", "ah") or each.low <= flow.server_port <= each.high)
        for each in ports
    )


def _now(hours: Hours, at: datetime | None) -> bool:
    return at is None or hours.hold(at.weekday(), at.hour * 60 + at.minute)
