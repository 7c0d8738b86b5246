"""How refusals and the guard's status look on a terminal."""

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from backchannel.enforce.law import MILDNESS
from backchannel.enforce.record import Refusal
from backchannel.enforce.status import Status
from backchannel.enforce.watchdog import UNJUDGED
from backchannel.report.words import count
from backchannel.text import escape

_STYLES = {"reset": "red", "dropped": "red", "declined": "yellow", "alerted": "yellow"}


def line(refusal: Refusal) -> str:
    """Return one line about one refusal."""
    use = " ".join(filter(None, (refusal.service, refusal.capability))) or "unknown"
    target = f" to {refusal.target}" if refusal.target else ""
    account = f" of {refusal.account}" if refusal.account else ""
    return escape(
        f"{refusal.time} {refusal.action} {use}{account}: {refusal.client} -> {refusal.server}"
        f"{target} {refusal.stack} ({refusal.confidence}: {refusal.evidence}), "
        f"line {refusal.line}"
    )


def table(found: Status) -> Group:
    """Return everything as tables."""
    parts: list[Table | Text | Group] = [Text(_head(found)), Text(_parts(found))]
    if found.mild:
        parts.append(Text(f"it {MILDNESS}", "yellow"))
    if not found.judging:
        parts.append(Text(f"packets are NOT judged at the moment: {UNJUDGED}", "bold red"))
    if not found.current:
        parts.append(Text("the inspector does not answer: these are its last figures", "yellow"))
    if found.trouble:
        parts.append(Text("not reloaded, the old policy stays in force:", "bold red"))
        parts += [Text(f"  {escape(each)}", "red") for each in found.trouble.splitlines()]
    parts += [
        Text(f"{escape(name)}: {number:,}", "yellow") for name, number in found.undelivered.items()
    ]
    if found.refusals:
        parts.append(_refusals(found))
    parts.append(_queues(found))
    if found.costs:
        parts.append(_costs(found))
    if counted := _counters(found):
        parts.append(counted)
    parts.extend(Text(f"warning: {warning}", "yellow") for warning in found.warnings)
    return Group(*parts)


def _titled(title: str, table: Table) -> Group:
    """Return a table below a title that may be wider."""
    return Group(Text(title, "bold"), table)


def _head(found: Status) -> str:
    mode = f", no further than {found.mode}" if found.mode else ""
    return (
        f"policy {found.policy} ({count(found.lines, 'line')}{mode}), at {', '.join(found.hooks)}: "
        f"{count(found.flows, 'flow')}, {count(found.packets, 'packet')} seen, "
        f"{count(found.given_to_kernel, 'flow')} given to the kernel"
    )


def _parts(found: Status) -> str:
    lost = found.inspector_restarts, found.watchdog_restarts
    told = f"; lost and replaced: inspector {lost[0]}, watchdog {lost[1]}" if any(lost) else ""
    if not found.inspector:
        return f"inspector: none, another is started soon{told}"
    return f"inspector {found.inspector} ({escape(found.confined) or 'starting'}){told}"


def _refusals(found: Status) -> Group:
    made = Table("done", "service", "capability", "line", "times", box=SIMPLE_HEAD)
    made.columns[-1].justify = "right"
    for each in found.refusals:
        style = _STYLES.get(each.action, "")
        made.add_row(
            Text(each.action, style),
            each.service or "unknown",
            each.capability,
            each.line,
            f"{each.times:,}",
        )
    return _titled("refusals by reason", made)


def _queues(found: Status) -> Group:
    made = Table(
        "queue",
        "fails",
        "waiting",
        "received",
        "answered",
        "full",
        "no room",
        "refused",
        box=SIMPLE_HEAD,
    )
    for each in found.queues:
        numbers = (each.waiting, each.received, each.answered, each.dropped_full)
        lost = (each.dropped_socket + each.overruns, each.refused)
        made.add_row(str(each.number), each.fails, *(f"{number:,}" for number in numbers + lost))
    return _titled("queues", made)


def _costs(found: Status) -> Group:
    made = Table("packets to us", "flows", box=SIMPLE_HEAD)
    made.columns[-1].justify = "right"
    for name, flows in found.costs.items():
        made.add_row(name, f"{flows:,}")
    return _titled("what flows cost until they were decided", made)


def _counters(found: Status) -> Group | None:
    rows = [(name, f"{number:,}") for name, number in (found.counters | found.core).items()]
    rows += [
        (f"kernel: {name.replace('_', ' ')}", f"{packets:,} packets, {size:,} bytes")
        for name, (packets, size) in found.kernel.items()
        if packets
    ]
    if not rows:
        return None
    made = Table("counter", "", box=SIMPLE_HEAD)
    made.columns[-1].justify = "right"
    for row in rows:
        made.add_row(*row)
    return _titled("everything else that was counted", made)
